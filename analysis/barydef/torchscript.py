"""TorchScript classifiers, loaded so that every call gives the same digits.

Imported from wherever a classifier is loaded, and nothing else loads one."""

import torch


def run_as_written():
    """Let libtorch run TorchScript as it is written, in the whole process.

    It would watch the first calls and then recompile the module for what it has seen. With LLVM
    this takes minutes, and the fused kernels give other digits than the first calls (pytorch issue
    74534), in gradients too. Modules that have been called before keep what was made of them."""
    torch._C._jit_set_profiling_mode(False)
    torch._C._jit_set_texpr_fuser_enabled(False)


def load(path):
    """The module on the CPU, in evaluation mode."""
    run_as_written()
    return torch.jit.load(str(path), map_location="cpu").eval()
