"""What is installed, what works, and how to fix what does not."""
