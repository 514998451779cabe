"""What was found, written down: as text, JSON, JUnit, HTML, and comments for sources."""
