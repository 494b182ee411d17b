"""Evidence: what an Intervention's decision was made from, so that anybody can make it again."""

from typing import Annotated

from pydantic import Field

from vanguard.api.base import DurationText, Model, Query, Sentence, Time, cel
from vanguard.api.pattern import TrendSignature


class Evidence(Model):
    """What was asked and seen, beside the cause. The samples' compact copy is an annotation; their hash is here.

    Signal, limit, direction and model are the cause's.
    """

    model_config = {"json_schema_extra": cel(("self == oldSelf", "spec.evidence is immutable"))}
    query: Annotated[Query, Field(description="The pattern's query, as it was asked.")]
    series: Annotated[
        str, Field(max_length=2048, description="The labels of the series that spoke, as a PromQL selector.")
    ]
    at: Annotated[Time, Field(description="The time of the evaluation; nothing later was known.")]
    step: Annotated[DurationText, Field(description="Spacing of the samples that were asked for.")]
    signature: Annotated[TrendSignature, Field(description="What the pattern asked of the trend at that generation.")]
    reason: Annotated[str, Field(max_length=64, description="What the forecast was judged to be.")]
    features: Annotated[
        tuple[Sentence, ...],
        Field(max_length=64, description="What the model read off the samples, some name=value in each line."),
    ] = ()
    spoken: Annotated[
        tuple[Sentence, ...],
        Field(max_length=10, description="What spoke for (+) and against (-) a breach, with its weight in log-odds."),
    ] = ()
    samples_hash: Annotated[
        str,
        Field(
            max_length=71,
            pattern=r"^sha256:[0-9a-f]{64}$",
            description="Of the samples in the annotation vanguard.dev/samples.",
        ),
    ]
    version: Annotated[str, Field(max_length=63, description="Vanguard's version.")]
