"""Statistics of recorded spikes: rates, intervals, latencies, selectivity, correlations and distances.

They take a `Recording` (subsets: `Recording.select`) or arrays, and return tables or arrays. A neuron that one pulse
drives may spike once in a presentation at most: `caution` says so, and what is not defined then is nan.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from brianff.analysis.style import require
from brianff.errors import MissingDependencyError
from brianff.responses import Recording

if TYPE_CHECKING:
    import pandas

__all__ = [
    "binned_spikes",
    "caution",
    "discrimination",
    "first_spike_latency",
    "interspike_intervals",
    "pairwise_correlation",
    "psth",
    "roc",
    "selectivity",
    "spike_statistics",
    "spike_trains",
    "tuning_curves",
    "van_rossum_distance",
    "victor_purpura_distance",
]


def psth(
    recording: Recording,
    layers: Sequence[int] | None = None,
    neurons: Sequence[int] | None = None,
    by: str | Sequence[str] = "polarity",
    bin_width: float | None = None,
) -> pandas.DataFrame:
    """Return the peri-stimulus time histogram: spikes per bin / (presentations x neurons x bin width).

    Of all neurons it is the population rate, of one its PSTH.

    Parameters
    ----------
    recording : Recording
    layers : sequence of int, optional
        Default: all.
    neurons : sequence of int, optional
        Of each layer; default: all.
    by : str or sequence of str
        Columns of the presentations that tell groups apart.
    bin_width : float, optional
        In seconds, a multiple of the time step; default: near a fiftieth of a presentation. A spike at the edge of two
        bins belongs to the earlier one: spikes have the time at which their step ends.

    Returns
    -------
    pandas.DataFrame
        Columns layer, those of `by`, time (s, middle of the bin), spikes (their number) and rate (1/s, of one neuron).
        Without presentations it has no rows.

    Examples
    --------
    >>> recording = Recording.from_spikes({"time": [1e-3, 3e-3, 2e-3], "neuron": [0, 0, 1]}, duration=4e-3)
    >>> psth(recording, bin_width=2e-3)[["time", "spikes", "rate"]]
        time  spikes   rate
    0  0.001       2  500.0
    1  0.003       1  250.0
    """
    import pandas

    about, by = _presentations(recording), [by] if isinstance(by, str) else list(by)
    unknown = [name for name in by if name not in about]
    require(not unknown, f"presentations have no column {unknown[:1]}; there are {', '.join(map(str, about))}")
    width, bins = _bins(recording, bin_width)
    keys = [(key, len(rows)) for key, rows in about.groupby(by, sort=False)]
    group = about.groupby(by, sort=False).ngroup().to_numpy()
    tables = []
    for layer in range(len(recording.sizes)) if layers is None else layers:
        chosen = _neurons(recording, layer, neurons)
        spikes = recording.spikes[(recording.spikes["layer"] == layer) & recording.spikes["neuron"].isin(chosen)]
        place = group[spikes["presentation"]] * bins + _bin(spikes["time"].to_numpy(), width, bins)
        counts = np.bincount(place, minlength=len(keys) * bins).reshape(-1, bins)
        for (key, presentations), count in zip(keys, counts, strict=True):
            columns = {"layer": layer, **dict(zip(by, key, strict=True)), "time": width * (np.arange(bins) + 0.5)}
            rate = count / (presentations * max(len(chosen), 1) * width)
            tables.append(pandas.DataFrame(columns | {"spikes": count, "rate": rate}))
    empty = pandas.DataFrame(columns=["layer", *by, "time", "spikes", "rate"])
    return pandas.concat(tables, ignore_index=True) if tables else empty


def binned_spikes(
    recording: Recording,
    layer: int | None = None,
    neurons: Sequence[int] | None = None,
    bin_width: float | None = None,
) -> np.ndarray:
    """Return spikes per bin, shape (presentations, bins, neurons); bins as in `psth`.

    Without presentations or neurons that axis is empty; silent neurons have zeros.

    Examples
    --------
    >>> recording = Recording.from_spikes({"time": [1e-3, 3e-3, 2e-3], "neuron": [0, 0, 1]}, duration=4e-3)
    >>> binned_spikes(recording, bin_width=2e-3).tolist()
    [[[1, 1], [1, 0]]]
    """
    layer = recording.layer if layer is None else layer
    chosen = _neurons(recording, layer, neurons)
    width, bins = _bins(recording, bin_width)
    counts = np.zeros((len(_presentations(recording)), bins, recording.sizes[layer]), np.uint16)
    spikes = recording.spikes[recording.spikes["layer"] == layer]
    np.add.at(counts, (spikes["presentation"], _bin(spikes["time"].to_numpy(), width, bins), spikes["neuron"]), 1)
    return counts[:, :, chosen]


def spike_trains(
    recording: Recording, layer: int | None = None, neurons: Sequence[int] | None = None
) -> list[np.ndarray]:
    """Return the spike times (s) of each neuron in each presentation, neuron after neuron, silent ones too.

    An empty list without presentations; the train of a silent neuron is empty.

    Examples
    --------
    >>> recording = Recording.from_spikes({"time": [1e-3, 3e-3, 2e-3], "neuron": [0, 0, 1]}, duration=4e-3)
    >>> [train.tolist() for train in spike_trains(recording)]
    [[0.001, 0.003], [0.002]]
    """
    layer = recording.layer if layer is None else layer
    chosen, presentations = _neurons(recording, layer, neurons), len(_presentations(recording))
    spikes = recording.spikes[recording.spikes["layer"] == layer]
    train = spikes["presentation"].to_numpy() * recording.sizes[layer] + spikes["neuron"].to_numpy()
    order = np.lexsort((spikes["time"].to_numpy(), train))
    wanted = (np.arange(presentations)[:, np.newaxis] * recording.sizes[layer] + chosen).ravel()
    first, last = (np.searchsorted(train[order], wanted, side) for side in ("left", "right"))
    times = spikes["time"].to_numpy()[order]
    return [times[start:stop] for start, stop in zip(first, last, strict=True)]


def interspike_intervals(
    recording: Recording, layer: int | None = None, neurons: Sequence[int] | None = None
) -> pandas.DataFrame:
    """Return the intervals between successive spikes of a neuron within a presentation.

    Returns
    -------
    pandas.DataFrame
        Columns presentation, neuron, time (s, of the later spike), interval (s); empty where no neuron spikes twice.

    Examples
    --------
    >>> recording = Recording.from_spikes({"time": [1e-3, 3e-3, 2e-3], "neuron": [0, 0, 1]}, duration=4e-3)
    >>> interspike_intervals(recording)
       presentation  neuron   time  interval
    0             0       0  0.003     0.002
    """
    layer = recording.layer if layer is None else layer
    spikes = recording.spikes[recording.spikes["layer"] == layer]
    spikes = spikes[spikes["neuron"].isin(_neurons(recording, layer, neurons))]
    spikes = spikes.sort_values(["presentation", "neuron", "time"])[["presentation", "neuron", "time"]]
    intervals = spikes.groupby(["presentation", "neuron"])["time"].diff()
    return spikes.assign(interval=intervals)[intervals.notna()].reset_index(drop=True)


def spike_statistics(
    recording: Recording, layer: int | None = None, neurons: Sequence[int] | None = None
) -> pandas.DataFrame:
    """Return rate, variability and regularity of each neuron's spikes.

    Intervals are those within presentations, of all presentations together. Fano factors of different images hold what
    the images differ in: select the presentations of one stimulus for the neuron's own variability.

    Parameters
    ----------
    recording : Recording
    layer : int, optional
    neurons : sequence of int, optional

    Returns
    -------
    pandas.DataFrame
        A row for each neuron, with columns rate (1/s), active (share of presentations with a spike), fano (variance /
        mean of the counts), intervals (their number), interval (s, mean), cv (standard deviation / mean of the
        intervals) and lv (mean of 3 (I1 - I2)² / (I1 + I2)² over successive intervals; Shinomoto et al., Neural
        Computation 15:2823, 2003). What is not defined is nan; ``attrs["caution"]`` holds `caution`.

    Examples
    --------
    >>> recording = Recording.from_spikes({"time": [1e-3, 3e-3, 2e-3], "neuron": [0, 0, 1]}, duration=4e-3)
    >>> spike_statistics(recording)[["rate", "active", "intervals", "interval"]]
             rate  active  intervals  interval
    neuron
    0       500.0     1.0          1     0.002
    1       250.0     1.0          0       NaN
    """
    import pandas

    layer = recording.layer if layer is None else layer
    chosen = _neurons(recording, layer, neurons)
    counts = recording.spike_counts(layer)[:, chosen]
    intervals = interspike_intervals(recording, layer, neurons)
    successive = intervals.assign(before=intervals.groupby(["presentation", "neuron"])["interval"].shift()).dropna()
    ratio = (successive["interval"] - successive["before"]) / (successive["interval"] + successive["before"])
    by_neuron = intervals.groupby("neuron")["interval"]
    mean, deviation, number = by_neuron.mean(), by_neuron.std(ddof=0), by_neuron.size()
    with np.errstate(invalid="ignore", divide="ignore"):
        own = {
            "rate": _mean(counts) / recording.duration,
            "active": _mean(counts > 0),
            "fano": counts.var(axis=0) / _mean(counts) if len(counts) else np.full(len(chosen), np.nan),
        }
    table = pandas.DataFrame(own, index=pandas.Index(chosen, name="neuron"))
    table["intervals"] = number.reindex(table.index, fill_value=0)
    table["interval"] = mean.reindex(table.index)
    table["cv"] = (deviation / mean)[number > 1].reindex(table.index)
    table["lv"] = (3 * ratio**2).groupby(successive["neuron"]).mean().reindex(table.index)
    table.attrs["caution"] = caution(recording, layer)
    return table


def caution(recording: Recording, layer: int | None = None) -> str:
    """Return what the spikes of a layer cannot tell about intervals and variability; "" if there is nothing to say.

    Without spikes it says so.

    Examples
    --------
    >>> caution(Recording.from_spikes({"time": [1e-3, 2e-3], "neuron": [0, 1]}))
    'at most one spike in a presentation: no intervals; the Fano factor is 1 - (share of presentations)'
    """
    spikes = recording.spikes[recording.spikes["layer"] == (recording.layer if layer is None else layer)]
    if not len(spikes):
        return "there are no spikes"
    counts = spikes.groupby(["presentation", "neuron"]).size()
    if counts.max() == 1:
        return "at most one spike in a presentation: no intervals; the Fano factor is 1 - (share of presentations)"
    share = float(np.mean(counts > 2))
    if share < 0.1:
        return f"{share:.1%} of the active trains have the three spikes that two intervals need"
    return ""


def first_spike_latency(
    recording: Recording, layer: int | None = None, neurons: Sequence[int] | None = None
) -> np.ndarray:
    """Return when each neuron spikes first in each presentation.

    Returns
    -------
    ndarray, shape (presentations, neurons)
        Seconds from the start of the presentation; nan without a spike.

    Examples
    --------
    >>> recording = Recording.from_spikes({"time": [1e-3, 3e-3, 2e-3], "neuron": [0, 0, 1]}, duration=4e-3)
    >>> first_spike_latency(recording).tolist()
    [[0.001, 0.002]]
    """
    layer = recording.layer if layer is None else layer
    chosen = _neurons(recording, layer, neurons)
    latencies = np.full((len(_presentations(recording)), recording.sizes[layer]), np.inf)
    spikes = recording.spikes[recording.spikes["layer"] == layer]
    np.minimum.at(latencies, (spikes["presentation"], spikes["neuron"]), spikes["time"])
    return np.where(np.isinf(latencies), np.nan, latencies)[:, chosen]


def tuning_curves(responses: np.ndarray, labels: np.ndarray) -> pandas.DataFrame:
    """Return the mean response of each neuron to each label.

    Where the label is shown beside the image, a neuron may be tuned to the label's input units and not to the image:
    give presentations with wrong labels, and their true labels, to tell the two apart.

    Parameters
    ----------
    responses : ndarray, shape (presentations, neurons)
        Such as `Recording.spike_counts` or `Responses.goodness_terms`.
    labels : ndarray, shape (presentations,)

    Returns
    -------
    pandas.DataFrame
        A row for each neuron, a column for each label that occurs, in their order: none without presentations.

    Examples
    --------
    >>> tuning_curves(np.array([[0, 2], [1, 4], [3, 0]]), np.array([7, 7, 1])).to_numpy()
    array([[3. , 0.5],
           [0. , 3. ]])
    """
    import pandas

    responses, labels = _matrix(responses), np.asarray(labels)
    require(len(labels) == len(responses), f"there are {len(labels)} labels for {len(responses)} presentations")
    table = pandas.DataFrame(responses).groupby(labels).mean().T
    return table.rename_axis(index="neuron", columns="label")


def selectivity(responses: np.ndarray, labels: np.ndarray) -> pandas.DataFrame:
    """Return how much each neuron prefers one label.

    Parameters
    ----------
    responses, labels
        As in `tuning_curves`, with the same word of caution; responses are not negative.

    Returns
    -------
    pandas.DataFrame
        A row for each neuron: preferred (label of the largest mean response), index ((r - s) / (r + s), with the
        largest mean response r and the mean s of those to the other labels: 0 to 1) and sparseness
        ((1 - mean(r)² / mean(r²)) / (1 - 1/n) over the mean responses to n labels; Vinje & Gallant, Science 287:1273,
        2000). A neuron without responses has nan and the preferred label -1; so have all with one label only.

    Examples
    --------
    >>> selectivity(np.array([[0, 1], [1, 1], [0, 1]]), np.array([0, 1, 2])).round(2)
            preferred  index  sparseness
    neuron
    0               1    1.0         1.0
    1               0    0.0         0.0
    """
    import pandas

    curves = tuning_curves(responses, labels)
    means, count = curves.to_numpy(float), curves.shape[1]
    require(not (means < 0).any(), "responses are negative; selectivity needs counts, rates or energies")
    if count < 2:
        means = np.zeros((len(means), max(count, 1)))
    active = means.any(axis=1) if count else np.zeros(len(means), bool)
    best = means.max(axis=1, initial=0.0)
    others = (means.sum(axis=1) - best) / max(count - 1, 1)
    with np.errstate(invalid="ignore"):
        index = (best - others) / (best + others)
        sparseness = (1 - means.mean(axis=1) ** 2 / (means**2).mean(axis=1)) / (1 - 1 / max(count, 2))
    preferred = np.full(len(means), -1, dtype=int)
    preferred[active] = curves.columns.to_numpy()[means[active].argmax(axis=1)]
    columns = {"preferred": preferred, "index": index, "sparseness": sparseness}
    return pandas.DataFrame(columns, index=curves.index)


def pairwise_correlation(responses: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
    """Return Pearson's correlation of the responses of each pair of neurons over presentations.

    Parameters
    ----------
    responses : ndarray, shape (observations, neurons)
        Such as `Recording.spike_counts`, or `binned_spikes` of all presentations below each other:
        ``binned.reshape(-1, neurons)``.
    labels : ndarray, shape (observations,), optional
        Take the mean response to each label off before: what is left is the noise correlation.

    Returns
    -------
    ndarray, shape (neurons, neurons)
        nan for neurons whose responses do not vary.

    Examples
    --------
    >>> pairwise_correlation(np.array([[0, 0], [1, 1], [2, 2]]))
    array([[1., 1.],
           [1., 1.]])
    """
    deviations = _matrix(responses).astype(float)
    if labels is not None:
        means = tuning_curves(deviations, labels)
        deviations = deviations - means[np.asarray(labels)].to_numpy().T
    elif len(deviations):
        deviations = deviations - deviations.mean(axis=0)
    scale = np.sqrt((deviations**2).sum(axis=0))
    scale[scale <= 1e-12 * max(scale.max(initial=0.0), 1e-300)] = np.nan
    return (deviations.T @ deviations) / np.outer(scale, scale)


def van_rossum_distance(trains: Sequence[np.ndarray], time_constant: float, duration: float) -> np.ndarray:
    """Return the distances of spike trains filtered by a decaying exponential, by Elephant.

    Parameters
    ----------
    trains : sequence of ndarray
        Spike times in seconds, such as those of `spike_trains`.
    time_constant : float
        Of the exponential, in seconds.
    duration : float
        Of each train, in seconds.

    Returns
    -------
    ndarray, shape (trains, trains)
        sqrt(2 / time_constant x integral of the squared difference): one spike more or less makes a distance of 1, two
        that are far apart sqrt(2) (van Rossum, Neural Computation 13:751, 2001). Empty without trains.

    Raises
    ------
    MissingDependencyError
        Without Elephant, the extra ``brianff[spikes]``.

    Examples
    --------
    >>> van_rossum_distance([np.array([0.1]), np.array([])], time_constant=0.01, duration=1.0).round(3).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    return _distance("van_rossum_distance", trains, duration, lambda s: {"time_constant": time_constant * s})


def victor_purpura_distance(trains: Sequence[np.ndarray], cost: float, duration: float) -> np.ndarray:
    """Return the least cost of turning one spike train into another, by Elephant.

    Adding or removing a spike costs 1, shifting it by t costs `cost` x t (Victor & Purpura, J. Neurophysiol. 76:1310,
    1996).

    Parameters
    ----------
    trains, duration
        As in `van_rossum_distance`.
    cost : float
        Per second.

    Returns
    -------
    ndarray, shape (trains, trains)
        Empty without trains.

    Raises
    ------
    MissingDependencyError
        Without Elephant, the extra ``brianff[spikes]``.

    Examples
    --------
    >>> victor_purpura_distance([np.array([0.1]), np.array([0.15])], cost=10, duration=1.0).round(3).tolist()
    [[0.0, 0.5], [0.5, 0.0]]
    """
    return _distance("victor_purpura_distance", trains, duration, lambda s: {"cost_factor": cost / s})


def _distance(name: str, trains: Sequence[np.ndarray], duration: float, parameters: Any) -> np.ndarray:
    try:
        import neo
        import quantities
        from elephant import spike_train_dissimilarity
    except ImportError:
        raise MissingDependencyError("distances need Elephant: pip install 'brianff[spikes]'") from None
    measure = getattr(spike_train_dissimilarity, name)
    given = [neo.SpikeTrain(np.asarray(times), units="s", t_stop=duration) for times in trains]
    if len(given) < 2:
        return np.zeros((len(given), len(given)))
    return np.asarray(measure(given, **parameters(quantities.s)))


def roc(positive: np.ndarray, negative: np.ndarray) -> pandas.DataFrame:
    """Return the receiver operating characteristic of telling positive from negative values by a threshold.

    Parameters
    ----------
    positive, negative : ndarray, shape (presentations,)
        Such as goodness; they need not be pairs.

    Returns
    -------
    pandas.DataFrame
        Columns threshold, false_positive_rate, true_positive_rate; ``attrs["auc"]`` is the area below it: the
        probability that a positive value is higher than a negative one, with ties counted by half.

    Raises
    ------
    ConfigurationError
        If there are no values of one kind, or some are not finite.

    Examples
    --------
    >>> roc(np.array([2.0, 3.0]), np.array([1.0, 2.0])).attrs["auc"]
    0.875
    """
    import pandas
    from sklearn.metrics import roc_auc_score, roc_curve

    values = np.concatenate([np.ravel(positive), np.ravel(negative)])
    kinds = np.repeat([1, 0], [np.size(positive), np.size(negative)])
    require(0 < kinds.sum() < len(kinds), "a ROC needs positive and negative values; there are none of one kind")
    require(bool(np.isfinite(values).all()), "a ROC needs finite values")
    false, true, threshold = roc_curve(kinds, values)
    table = pandas.DataFrame({"threshold": threshold, "false_positive_rate": false, "true_positive_rate": true})
    table.attrs["auc"] = float(roc_auc_score(kinds, values))
    return table


def discrimination(goodness: pandas.DataFrame, by: Sequence[str] = ("layer", "epoch")) -> pandas.DataFrame:
    """Return how well the goodness of each layer tells positive from negative data, over training.

    Parameters
    ----------
    goodness : pandas.DataFrame
        Columns goodness, polarity, and those of `by`, such as `brianff.protocols.held_out_goodness` gives.
    by : sequence of str

    Returns
    -------
    pandas.DataFrame
        Columns of `by`, auc (see `roc`), and the mean goodness, positive and negative. No rows for an empty table.

    Examples
    --------
    >>> import pandas
    >>> goodness = {"goodness": [3.0, 1.0], "polarity": ["positive", "negative"], "layer": 0, "epoch": 1}
    >>> discrimination(pandas.DataFrame(goodness))
       layer  epoch  auc  positive  negative
    0      0      1  1.0       3.0       1.0
    """
    import pandas

    rows = []
    for key, group in goodness.groupby(list(by), sort=True):
        kinds = [group.loc[group["polarity"] == name, "goodness"].to_numpy() for name in ("positive", "negative")]
        means = dict(zip(("positive", "negative"), (kind.mean() for kind in kinds), strict=True))
        rows.append(dict(zip(by, key, strict=True)) | {"auc": roc(*kinds).attrs["auc"]} | means)
    return pandas.DataFrame(rows, columns=[*by, "auc", "positive", "negative"])


def _presentations(recording: Recording) -> pandas.DataFrame:
    require(recording.presentations is not None, "the recording knows nothing of its presentations: record it anew")
    assert recording.presentations is not None
    return recording.presentations


def _neurons(recording: Recording, layer: int, neurons: Sequence[int] | None) -> np.ndarray:
    require(0 <= layer < len(recording.sizes), f"layer {layer} was not recorded; there are {len(recording.sizes)}")
    size = recording.sizes[layer]
    chosen = np.arange(size) if neurons is None else np.asarray(neurons, dtype=int)
    require(not ((chosen < 0) | (chosen >= size)).any(), f"neurons must lie between 0 and {size - 1}")
    return chosen


def _bins(recording: Recording, bin_width: float | None) -> tuple[float, int]:
    """Return width (s) and number of the bins of a presentation."""
    width = recording.duration / 50 if bin_width is None else float(bin_width)
    if bin_width is None and len(recording.times):  # bins of a whole number of steps, or some would hold one step more
        width = recording.times[0] * max(1, round(width / recording.times[0]))
    require(
        0 < width < recording.duration * (1 + 1e-9),
        f"bin_width is {width:g} s; a presentation lasts {recording.duration:g} s",
    )
    return width, int(np.ceil(recording.duration / width - 1e-9))


def _bin(times: np.ndarray, width: float, bins: int) -> np.ndarray:
    """Return the bins of spikes; a spike at an edge, but for rounding, belongs to the earlier one."""
    return np.clip(np.ceil(times / width - 1e-6).astype(int) - 1, 0, bins - 1)


def _mean(values: np.ndarray) -> np.ndarray:
    return values.mean(axis=0) if len(values) else np.full(values.shape[1], np.nan)


def _matrix(responses: np.ndarray) -> np.ndarray:
    responses = np.asarray(responses)
    require(responses.ndim == 2, f"responses have the shape {responses.shape}; needs (presentations, neurons)")
    return responses
