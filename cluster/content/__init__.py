"""Bytes from elsewhere: what they are (told by themselves, not by what somebody says of them), made harmless, and kept for a while."""
