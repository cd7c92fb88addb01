"""Where untrusted code runs: the image (``Dockerfile``) and the runner inside (``runner/``). Imports nothing of the project."""
