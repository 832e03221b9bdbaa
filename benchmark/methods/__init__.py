"""What is compared: de-occlusion methods and the controls of known rank."""
