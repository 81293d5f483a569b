"""Networks of transformers that answer in queries: what their classes and masks become.

OneFormer also wants to be told its task in tokens of CLIP's text encoder. That of semantic
segmentation is fixed: "the task is semantic".
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import nn

from core.architectures.class_scores import Scores, of_queries, query_scores, reading, script_of
from core.architectures.network import Source

QUERY_KINDS = ("mask2former", "maskformer", "oneformer", "eomt", "eomt_dinov3")
# CLIP's numbers of: begin, the, task, is, seman, tic, end (its vocabulary, bpe_simple_vocab_16e6).
TASK = (49406, 518, 10549, 533, 29119, 1550, 49407)
TASK_NOTE = 'OneFormer is told "the task is semantic", whatever it was trained for'


def class_scores(output: Any) -> torch.Tensor:
    """Logits of every class, Float32[1 classes h w], of what a query network returns."""
    return query_scores(output.class_queries_logits, output.masks_queries_logits)


def task_tokens(length: int) -> torch.Tensor:
    """Int64[1 length]: the tokens of the task, then zeros.

    Args:
        length: what the network was built for; 77 in all that were published.
    """
    tokens = torch.zeros(1, length, dtype=torch.int64)
    known = torch.tensor(TASK[:length])
    tokens[0, : len(known)] = known
    return tokens


def align_task(network: Any) -> None:
    """Lay the weights of the task where memory of torch begins: their sums are of the same bits.

    Tokens are numbers up to 49407, so that the order of a sum shows in its third decimal.
    """
    for part in network.model.task_encoder.parameters():
        part.data = part.data.clone()


def answering(model: Any) -> tuple[nn.Module, Scores]:
    """The same network, which is given a picture alone and gives scores of classes.

    Args:
        model: of a kind in `QUERY_KINDS`, not yet shared.
    """
    config = model.config
    if config.model_type == "oneformer":
        align_task(model)
        tokens = task_tokens(config.task_seq_len)

        def told(_model: Any, args: Any, kwargs: Any) -> tuple[Any, Any]:
            return args, {**kwargs, "task_inputs": tokens.to(args[0].device)}

        model.register_forward_pre_hook(told, with_kwargs=True)
    queries = getattr(config, "num_queries", None) or config.decoder_config.num_queries
    return reading(model, class_scores), of_queries(queries)


def in_script(source: Source, model: Any) -> Source:
    """The source of a query network with the functions that read its output."""
    given = "x"
    if model.config.model_type == "oneformer":
        rest = model.config.task_seq_len - len(TASK)
        given = f"x, task_inputs=torch.tensor([[*TASK, *[0] * {rest}]])"
    task = f'TASK = {TASK!r}  # "the task is semantic"'
    functions = (script_of(query_scores), script_of(class_scores))
    return replace(
        source,
        heads={"out": f"class_scores(network({given}))"},
        functions=(task, script_of(align_task), *functions) if given != "x" else functions,
        lines=(*source.lines, "align_task(network)") if given != "x" else source.lines,
        imports=(*source.imports, "from typing import Any"),
    )
