"""Commands about layouts, images, logs and real boots."""
