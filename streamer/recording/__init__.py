"""Recordings of sessions: fragmented MP4 files, marked as AI-generated."""
