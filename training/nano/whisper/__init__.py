"""A Whisper of our own: speech that espeak-ng says, of sentences that our own grammar makes."""
