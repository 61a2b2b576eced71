"""What bytes are: told by themselves, not by what somebody says of them."""
