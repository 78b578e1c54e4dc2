"""The discrete-event simulation of the imaging pipeline, from need to deployment."""
