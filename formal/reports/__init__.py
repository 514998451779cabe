"""Results as text, JSON, JUnit, HTML, and comments for sources."""
