"""The frame machine: the independent witness. It executes the builder frame by frame, and knows no formula."""
