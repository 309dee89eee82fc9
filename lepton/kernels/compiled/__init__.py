"""Hot loops compiled by Numba: fused, and run by one pool of threads.

Each module here stands beside the reference of the same family, and its kernels have the reference's names and
arguments. They answer ``NotImplemented`` for arrays that they do not take. What they share: ``loops`` (how a function
is compiled, cached and run), ``blas`` (products of matrices inside compiled loops), ``numeric`` (exponentials and their
kin, for loops that the compiler turns into vector instructions).

The rules that all of them keep: work is cut by the shapes alone, so that no bit of a result depends on the number of
threads; an element's bits do not depend on its place in the array.
"""
