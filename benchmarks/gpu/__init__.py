"""What only a CUDA GPU can show: checks and timings (make gpu), and the paper's table (make gpu-paper)."""
