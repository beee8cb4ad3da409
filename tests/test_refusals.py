"""What a user can give wrongly to each kind of part is told in one line at the edge; what is meant obviously works."""

from dataclasses import replace

import numpy as np
import pytest
from brian2 import kohm, mA, mV, uA, us
from scipy.sparse import csr_matrix

from brianff import (
    Dataset,
    Device,
    Goodness,
    InputEncoding,
    Layer,
    Network,
    Pooling,
    Recording,
    Simulator,
    SpikeTrains,
    Split,
    check_gradient,
    load_dataset,
)
from brianff.equations import NeuronModel, Parameter, Preset, SynapseModel
from brianff.errors import BrianffError
from brianff.protocols import (
    Adam,
    Callback,
    EarlyStop,
    HeldOutAccuracy,
    LargestTerms,
    ModulatedHebbian,
    Modulator,
    Negatives,
    Optimiser,
    RecordSpikes,
    Sampler,
    Trainer,
    WeightAverage,
    accuracy,
    load_protocol,
    modulated_hebbian,
    wrong_labels,
)
from brianff.protocols.contrast import Pairs
from brianff.protocols.equivalence import hebbian_change
from brianff.protocols.inference import predict
from brianff.protocols.modulators import Pair
from brianff.protocols.samplers import BothPolarities, Shown

SETTINGS = ["data.training_images=10", "network.layers.0.neurons=4", "learning.epochs=1", "learning.batch=5"]
SETTINGS += ["evaluation.epoch_images=5", "evaluation.training_images=5", "engine.workers=1", "engine.name=lanes"]
IMAGES, LABELS = np.full((2, 4), 0.5), np.array([0, 1])


def of(base, **methods):
    """Return an object of a user's own class."""
    return type("Own", (base,), methods)()


def learn(**learning):
    protocol = load_protocol("msnn-digits", SETTINGS)
    return epoch(protocol.replace(learning=protocol.learning.replace(**learning)))


def epoch(protocol, **options):
    trainer = Trainer(protocol, **options)
    trainer.run_epoch()
    return trainer


def pooled(total=lambda terms: terms.sum(axis=1), share=lambda terms: np.ones((1, 1))):
    pooling = of(Pooling, total=lambda self, terms: total(terms), share=lambda self, terms: share(terms))
    return learn(goodness=Goodness("own", "activity**2", pooling=pooling))


def optimised(step):
    return learn(optimiser=type("Own", (Optimiser,), {"__call__": lambda self, change, factor=1.0: step(change)}))


def modulated(**methods):
    known = {"loss": lambda self, p, n: np.zeros(len(p)), "log_odds": lambda self, one: one.goodness, "paired": True}
    known |= {"broadcast": lambda self, p, n: (np.ones((len(p), 1)), -np.ones((len(n), 1)))}
    return learn(modulator=of(Modulator, **{**known, **methods}), negatives="wrong-label")


def sampled(show=lambda shown: shown, contrast=lambda contrast: contrast):
    class Own(BothPolarities):
        def shown(self, trainer, batch):
            return show(super().shown(trainer, batch))

        def contrast(self, trainer, shown, responses):
            return contrast(super().contrast(trainer, shown, responses))

    return learn(polarity=Own())


def drawn(draw, choose=None, count=2):
    methods = {"draw": lambda self, images, labels, dataset, generator: draw(images, labels), "count": count}
    return learn(negatives=of(Negatives, choose=lambda self, scores: choose and choose(scores), **methods))


def two_wrong(images, labels):
    return None, (labels[:, np.newaxis] + [1, 2]) % 10


def called(**methods):
    protocol = load_protocol("msnn-digits", SETTINGS)
    return epoch(protocol.replace(callbacks=of(Callback, **methods)))


def readout(answer):
    protocol = load_protocol("msnn-digits", SETTINGS)
    protocol = protocol.replace(evaluation=protocol.evaluation.replace(readout=lambda a, b, c, d: answer))
    trainer = Trainer(protocol)
    trainer.held_out = trainer.held_out.first(5)
    from brianff.protocols.readout import readout_accuracies

    return readout_accuracies(trainer)


def simulator(goodness=None, **layer):
    return Simulator(Network(pixels=4, classes=2, layers=(Layer(neurons=3, **layer),)), goodness, engine="lanes")


def present(**layer):
    return simulator(**layer).present(IMAGES, LABELS)


def neuron(**fields):
    equations = "dv/dt = (R*I - v)/tau : volt\nactivity = v/mV : 1\nsensitivity = 1 : 1"
    known = {"name": "own", "equations": equations, "presets": {"tau": 10 * us, "R": 1 * kohm}}
    return NeuronModel(**{**known, **fields})


def spiking(refractory):
    return present(
        neuron=neuron(threshold="v < -0.1*mV", reset="v = 0*mV", refractory=refractory), current_scale=30 * mA
    )


def encoded(spikes):
    encoding = of(
        InputEncoding, name="own", spikes=lambda self, intensities, generator: spikes(self.steps, intensities)
    )
    network = Network(pixels=4, classes=2, encoding=encoding, layers=(Layer(neurons=3),))
    return Simulator(network).present(IMAGES, LABELS)


def scored(score=lambda responses: responses.goodness, split=None, **options):
    return accuracy(simulator(), Split(IMAGES, LABELS) if split is None else split, score=score, **options)


def responses():
    return present()


REFUSED = {
    "pooling: a total for the batch": (lambda: pooled(lambda terms: terms.sum()), "total of pooling Own"),
    "pooling: a total for each neuron": (lambda: pooled(lambda terms: terms), "total of pooling Own"),
    "pooling: no total": (lambda: pooled(lambda terms: None), "total of pooling Own"),
    "pooling: too few totals": (lambda: pooled(lambda terms: terms.sum(axis=1)[1:]), "total of pooling Own"),
    "pooling: a share for other neurons": (lambda: pooled(share=lambda terms: np.ones(7)), "share of pooling Own"),
    "pooling: no share": (lambda: pooled(share=lambda terms: None), "share of pooling Own"),
    "pooling: none of the largest": (lambda: LargestTerms(0), "count of the largest terms is 0"),
    "goodness: a name": (lambda: simulator("l1-norm"), "GOODNESS"),
    "goodness: a class": (lambda: simulator(Goodness), "must be a Goodness"),
    "goodness: another name": (lambda: simulator().measuring("l1-norm"), "GOODNESS"),
    "goodness: no density": (lambda: Goodness("own", None), "density"),
    "goodness: no name": (lambda: Goodness(None), "name"),
    "goodness: a word for a switch": (lambda: Goodness(counts_spikes="no"), "counts_spikes"),
    "gradient: a class": (lambda: check_gradient(NeuronModel), "class NeuronModel"),
    "gradient: a class of a modulator": (lambda: check_gradient("relu", modulator=Pair), "modulator"),
    "gradient: a name of a modulator": (lambda: check_gradient("relu", modulator="pair"), "modulator"),
    "gradient: drives in words": (lambda: check_gradient("relu", drives=["a", "b"]), "drives"),
    "gradient: a drive that is none": (lambda: check_gradient("relu", drives=[0.0, np.nan]), "drives"),
    "optimiser: fewer rows": (lambda: optimised(lambda change: change[:-1]), r"Own .*shape \(103, 4\)"),
    "optimiser: one row": (lambda: optimised(lambda change: change[:1]), "Own"),
    "optimiser: nothing": (lambda: optimised(lambda change: None), "Own"),
    "optimiser: nan": (lambda: optimised(lambda change: change * np.nan), "Own .*finite"),
    "optimiser: complex": (lambda: optimised(lambda change: change * 1j), "Own"),
    "optimiser: a rate in words": (lambda: Adam("fast"), "learning_rate is 'fast'"),
    "optimiser: a negative rate": (lambda: Adam(-1.0), "learning_rate"),
    "optimiser: a rate of nan": (lambda: Adam(float("nan")), "learning_rate"),
    "optimiser: a class that needs more": (
        lambda: learn(optimiser=type("Own", (Optimiser,), {"__init__": lambda self, beta: None})),
        "missing a required argument: 'beta'",
    ),
    "change: of another shape": (lambda: simulator().layers[0].learn(np.ones(3)), r"\(6, 3\)"),
    **{
        f"change: {name}, device {device}": (
            lambda device=device, change=change: simulator(device=device, weight_bound=0.2).layers[0].learn(change),
            "change",
        )
        for device in (None, "ecram")
        for name, change in {
            "a number": 0.01,
            "a row": np.full(3, 0.01),
            "transposed": np.full((3, 6), 0.01),
            "nan": np.full((6, 3), np.nan),
            "infinite": np.full((6, 3), np.inf),
        }.items()
    },
    "change: none": (lambda: simulator().layers[0].learn(None), r"\(6, 3\)"),
    "schedule: nan": (lambda: learn(schedule=lambda progress: np.nan), "finite number"),
    "schedule: nothing": (lambda: learn(schedule=lambda progress: None), "finite number"),
    "schedule: without an argument": (lambda: learn(schedule=lambda: 1.0), r"cannot be called with \(progress\)"),
    "plasticity: of two arguments": (lambda: learn(plasticity=lambda p, n: 0), "positive, negative, modulator"),
    "plasticity: nothing": (lambda: learn(plasticity=lambda p, n, m: None), "the weights have"),
    "plasticity: no factor": (lambda: learn(plasticity=ModulatedHebbian(lambda r: np.ones(3))), "postsynaptic factor"),
    "plasticity: arrays": (lambda: modulated_hebbian(IMAGES, IMAGES, Pair()), "positive .* Responses"),
    "plasticity: a name": (lambda: modulated_hebbian(responses(), responses(), "pair"), "modulator is 'pair'"),
    "plasticity: a class": (lambda: modulated_hebbian(responses(), responses(), Pair), "modulator is"),
    "modulator: no broadcast": (lambda: modulated(broadcast=lambda self, p, n: None), "broadcast of Own"),
    "modulator: words": (lambda: modulated(broadcast=lambda self, p, n: ("up", "down")), "broadcast of Own"),
    "modulator: no loss": (lambda: modulated(loss=lambda self, p, n: None), "loss of Own"),
    "modulator: one loss": (lambda: modulated(loss=lambda self, p, n: 3.0), "loss of Own"),
    "modulator: a share of others": (lambda: modulated(share=lambda self, one: np.ones(3)), "share of Own"),
    "modulator: one score": (lambda: learn(modulator=of(Pair, score=lambda self, one: 3.0)), "score of Own"),
    "sampler: an empty batch": (
        lambda: sampled(lambda s: Shown(s.inputs.select(slice(0)), s.positive[:0], s.indices[:0], s.labels[:0])),
        "nothing to present",
    ),
    "sampler: nothing": (lambda: sampled(lambda shown: None), "Own gave NoneType"),
    "sampler: of several lengths": (lambda: sampled(lambda s: replace(s, positive=s.positive[:3])), "its positive"),
    "sampler: no contrast": (lambda: sampled(contrast=lambda both: (both.positive, both.negative)), "Own gave tuple"),
    "sampler: pairs of several lengths": (
        lambda: sampled(contrast=lambda both: Pairs(both.positive, both.negative.select(slice(3)))),
        "as many negatives",
    ),
    "sampler: without a method": (lambda: learn(polarity=of(Sampler)), "no method 'shown'"),
    "negatives: nothing": (lambda: drawn(lambda images, labels: None), "Own gave NoneType"),
    "negatives: labels alone": (lambda: drawn(lambda images, labels: labels), "Own gave ndarray"),
    "negatives: one choice for all": (lambda: drawn(two_wrong, lambda scores: 1), r"choose of Own"),
    "negatives: beyond the candidates": (lambda: drawn(two_wrong, lambda scores: np.full(5, 7)), "choose of Own"),
    "negatives: halves": (lambda: drawn(two_wrong, lambda scores: np.full(5, 0.5)), "choose of Own"),
    "callback: no name": (lambda: epoch(load_protocol("msnn-digits").replace(callbacks="nope")), "no callback 'nope'"),
    "callback: a function": (lambda: Trainer(load_protocol("msnn-digits"), callbacks=[print]), "a callback is"),
    "callback: a state that is none": (lambda: called(state=lambda self: 3).state(), "state of Own"),
    "callback: a method that takes less": (
        lambda: called(on_batch=lambda self, one: None),
        r"on_batch\(trainer, contr",
    ),
    "callback: a method that is none": (lambda: called(restore=3), r"cannot be called as restore\(state\)"),
    "callback: a note in words": (lambda: called(on_epoch=lambda self, one: one.note("x", "much")), "note 'x'"),
    "callback: several notes": (lambda: called(on_epoch=lambda self, one: one.note("x", np.ones(3))), "note 'x'"),
    "callback: patience": (lambda: EarlyStop(patience=0), "patience is 0"),
    "callback: images": (lambda: HeldOutAccuracy(0), "images is 0"),
    "callback: images in words": (lambda: RecordSpikes("all"), "images is 'all'"),
    "callback: decay": (lambda: WeightAverage("slow"), "decay is 'slow'"),
    "readout: an array": (lambda: readout(np.ones(3)), "must be a number"),
    "readout: nothing": (lambda: readout(None), "must be a number"),
    "readout: a word": (lambda: readout("good"), "must be a number"),
    "score: of another shape": (lambda: scored(lambda one: np.ones(3)), "the score"),
    "score: of each neuron": (lambda: predict(simulator(), IMAGES, score=lambda r: r.goodness_terms), "the score"),
    "score: a number": (lambda: scored(3), "score is 3"),
    "score: images": (lambda: scored(split=IMAGES), "Split"),
    "score: no batch": (lambda: scored(batch=0), "batch is 0"),
    "score: no images": (lambda: scored(split=Split(IMAGES, LABELS).first(0)), "images"),
    "score: no such layer": (lambda: scored(layers=[4]), "layers"),
    "score: no layer": (lambda: scored(layers=[]), "layers are none"),
    "encoding: no spikes": (lambda: encoded(lambda steps, i: None), "spikes of Own"),
    "encoding: numbers": (lambda: encoded(lambda steps, i: np.ones((steps, *i.shape))), "must be bool"),
    "encoding: a sparse matrix of another shape": (lambda: encoded(lambda steps, i: csr_matrix((3, 3))), r"\(3, 3\)"),
    "number: a span of time": (lambda: Device(preset="ecram", stuck_on=np.timedelta64(1, "D")), "stuck_on"),
    "path: half a character": (lambda: Dataset.from_folder("\ud800"), "must be a path"),
    "path: half a character in one that is written": (lambda: simulator().export_weights("\ud800"), "path is"),
    "path: too long": (lambda: Dataset.from_folder("x" * 300), "File name too long"),
    "path: below a file": (lambda: simulator().export_weights(f"{__file__}/x/y"), "path is .* Not a directory"),
    "path: a directory": (lambda: simulator().export_weights(""), "cannot write .:"),
    "images: more than there is memory for": (lambda: Dataset.from_arrays(range(2**50), LABELS), "MemoryError"),
    "labels: more than 64 bits hold": (lambda: Split(np.zeros((2, 4)), [0, 2.0**63]), "labels must be whole numbers"),
    "duration: beyond all numbers": (
        lambda: SpikeTrains.from_events([0], [0.0], [0], 1, 1, -1e308, 1e-6),
        "whole time steps",
    ),
    "rows: beyond 64 bits": (lambda: responses().select(2**63), "too large"),
    "rows: a step of nothing": (lambda: responses().select(slice(None, None, 0)), "step cannot be zero"),
    "spikes: no table": (lambda: Recording.from_spikes({"time": 3 * mV}), "must be a table"),
    "spikes: half a neuron": (lambda: Recording.from_spikes({"time": [0.0], "neuron": [0.5]}), "neuron is"),
    "activities: of one pass": (lambda: hebbian_change(responses(), responses(), Pair(), (IMAGES,)), "activities is"),
    "layer: a class": (lambda: Layer(neuron=NeuronModel), "not the class NeuronModel"),
    "neuron: an initial value of another unit": (lambda: present(neuron=neuron(initial={"v": 3 * us})), "initial v"),
    "neuron: no initial value": (lambda: present(neuron=neuron(initial={"v": None})), "initial v"),
    "neuron: a list of presets": (lambda: present(neuron=neuron(presets=[1])), "presets"),
    "neuron: a threshold that is none": (lambda: present(neuron=neuron(threshold=1 * mV)), "threshold"),
    "neuron: a name that is none": (lambda: present(neuron=neuron(name=3)), "name"),
    "neuron: a voltage without unit": (lambda: present(neuron=neuron(largest_voltage=3)), "largest_voltage"),
    "neuron: refractory in volts": (lambda: spiking(3 * mV), "own"),
    "device: pulses that are none": (lambda: Device.from_table(3), "table of measurements"),
    "data: a number": (lambda: load_dataset(3), "a data set is"),
    "data: a table without a name": (lambda: load_dataset({"path": "x"}), "a data set is"),
    "data: white in words": (lambda: Split(IMAGES, LABELS, white="bright"), "white"),
    "data: a part in words": (lambda: Split(IMAGES, LABELS).first("few"), "few"),
    "data: a negative part": (lambda: Split(IMAGES, LABELS).first(-1), "-1"),
    "data: batches of none": (lambda: list(Split(IMAGES, LABELS).batches(0, np.random.default_rng(1))), "0"),
    "data: batches of fewer": (lambda: list(Split(IMAGES, LABELS).batches(-1, np.random.default_rng(1))), "-1"),
    "data: labels between": (lambda: wrong_labels(np.array([0.5, 1.5]), np.random.default_rng(1)), "labels"),
    "simulator: no network": (lambda: Simulator(Layer()), "must be a Network"),
    "simulator: the class": (lambda: Simulator(Network), "must be a Network"),
    "simulator: neurons in words": (lambda: simulator().record(IMAGES, LABELS, ["a"]), "neurons"),
    "simulator: half a neuron": (lambda: simulator().record(IMAGES, LABELS, [0.5]), "neurons"),
    "simulator: labels of no image": (lambda: simulator().present(IMAGES, np.zeros((2, 0), int)), "labels"),
    **{
        f"simulator: images, {name}": (lambda images=images: simulator().present(images, LABELS), told)
        for name, images, told in (
            ("0 to 255", np.full((2, 4), 255, np.uint8), "divide by the value of white"),
            ("complex", IMAGES + 1j, "complex128"),
            ("text", IMAGES.astype(str), "U32"),
            ("masked", np.ma.masked_array(IMAGES, IMAGES > 0), "MaskedArray"),
            ("quantities", IMAGES * mV, "Quantity"),
            ("sparse", csr_matrix(IMAGES), "shape"),
            ("ragged", [[1, 2], [1]], "shape"),
        )
    },
    "simulator: no observer": (lambda: simulator().present(IMAGES, LABELS, observe=3), "observe is 3"),
    "simulator: images for inputs": (lambda: simulator().present_inputs(IMAGES), "Simulator.inputs"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_wrong_is_told_in_one_line(case, numpy_target):
    attempt, told = REFUSED[case]
    with pytest.raises(BrianffError, match=told) as refused:
        attempt()
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400


def test_quantities_numbers_and_text_with_a_unit_mean_the_same(numpy_target):
    for value in (-65 * mV, "-65 mV", "-65*mV", "-0.065 volt"):
        model = neuron(initial={"v": value})
        assert float(model.start("v", model.namespace())) == pytest.approx(-0.065, rel=1e-15)
    counts = [spiking(value).goodness for value in (3 * us, "3 us", "3*us", "0.003*ms")]
    assert all((one == counts[0]).all() for one in counts)
    assert (spiking(9 * us).goodness != counts[0]).any()
    own = SynapseModel("own", "dI/dt = -I/tau_s : amp", target="I", gain=3 * uA)
    assert simulator(synapse=own).populations[0].current.gain == pytest.approx(3e-6)


def test_presets_are_values_parameters_or_presets(numpy_target):
    values = {"tau": 10 * us, "R": 1 * kohm}
    parameters = {name: Parameter(value, "") for name, value in values.items()}
    forms = [values, Preset("one", "", values), {"one": Preset("one", "", parameters)}]
    found = [present(neuron=neuron(presets=form)).goodness for form in forms]
    assert all((one == found[0]).all() for one in found)
    assert neuron(traces="v").traces == ("v",)


@pytest.mark.parametrize(
    "given", ["record-spikes", RecordSpikes, RecordSpikes(3), {"name": "record-spikes", "images": 3}, ["record-spikes"]]
)
def test_callbacks_are_one_or_several_objects_classes_names_or_tables(given, numpy_target):
    protocol = load_protocol("msnn-digits", SETTINGS)
    for trainer in (Trainer(protocol, callbacks=given), Trainer(protocol.replace(callbacks=given))):
        assert [type(one) for one in trainer.callbacks] == [RecordSpikes]
        assert [type(one) for one in trainer.protocol.callbacks] == [RecordSpikes]


def test_what_a_function_of_a_user_s_own_raises_is_hers(numpy_target):
    """Its traceback says where: no error of brianff stands in its place."""
    with pytest.raises(ZeroDivisionError):
        learn(schedule=lambda progress: 1 / 0)
