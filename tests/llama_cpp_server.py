"""A real llama.cpp server on loopback, as the embedded engine's package opens one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def llama_cpp_server(
    model_file: Path, *, slots: int = 2, context_length: int = 512, api_key: str | None = None
) -> Iterator[str]:
    """Serve a model for the time of the block, and yield the server's base_url.

    Its /models lists the model under the path of its file.

    Parameters
    ----------
    model_file : Path
        The weights, as GGUF.
    slots : int
        Requests that it works on at a time.
    context_length : int
        Tokens of prompt and answer in each slot.
    api_key : str, optional
        The only key accepted.
    """
    # OpenMP threads that wait busily take the cores from the tests.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(model_file)
    params.n_parallel = slots
    params.n_ctx = slots * context_length
    params.verbosity = -1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 2
    if api_key is not None:
        params.api_keys = [api_key]
    server = xllamacpp.Server(params)
    yield f"{server.listening_address}/v1"
    del server
