"""`barydef attack`: attacks the test images of a data set. Only this part needs PyTorch."""
