"""Samples as Prometheus reads them; nothing is kept here, all is read when it is asked for."""

from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from stream.metrics import Histogram, Sample

FAMILIES = {
    "counter": CounterMetricFamily,
    "gauge": GaugeMetricFamily,
    "histogram": HistogramMetricFamily,
}


class Samples(Collector):
    """Everything that is counted in this process, at the moment of the question."""

    def __init__(self, samples: Callable[[], Iterable[Sample]]) -> None:
        self._samples = samples

    def collect(self) -> Iterator[Metric]:
        """Gives one family for each name: the loops of a process share them."""
        families: dict[str, Metric] = {}
        for sample in self._samples():
            family = families.get(sample.name)
            if family is None:
                make = FAMILIES[sample.kind]
                family = make(sample.name, sample.meaning, labels=sorted(sample.labels))
                families[sample.name] = family
            _add(family, sample)
        yield from families.values()


def text(samples: Callable[[], Iterable[Sample]]) -> bytes:
    """Writes the samples, and the process's memory, time and files, in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(Samples(samples))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


def _add(family: Metric, sample: Sample) -> None:
    labels, value = [sample.labels[name] for name in sorted(sample.labels)], sample.value
    if isinstance(family, HistogramMetricFamily) and isinstance(value, Histogram):
        bounds = [*map(str, map(float, value.bounds)), "+Inf"]
        family.add_metric(labels, [*zip(bounds, accumulate(value.counts), strict=True)], value.sum)
    elif isinstance(family, CounterMetricFamily | GaugeMetricFamily):
        family.add_metric(labels, float(value))  # type: ignore[arg-type]
