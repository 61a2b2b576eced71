"""A CLIP of our own: pictures of scenes that our own code draws, and what can be said of them."""
