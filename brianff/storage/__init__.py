"""What is kept on disk: run directories, checkpoints, and which code made them."""
