"""Fine-tuning as all rooms know it: what is asked for, the examples of a file, the base, and the folder of a training."""
