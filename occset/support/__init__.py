"""What every room needs: errors, whole files, locks, pools of processes, names of things, the terminal."""
