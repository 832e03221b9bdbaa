"""Poisson blending: gradients of one picture, values of another where they meet."""
