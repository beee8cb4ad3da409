"""Data of one's own: read as they were written, refused with what to do, trained, resumed and evaluated."""

import re
import warnings
from dataclasses import replace

import numpy as np
import pytest
from cases import first_fast
from PIL import Image

import brianff.register
from brianff import Dataset, EventEncoding, Layer, Network, Split, load_dataset
from brianff.analysis import write_figures
from brianff.data import DATASETS, SpikeTrains, available_datasets
from brianff.errors import BrianffError, CheckpointError, ConfigurationError, DataError
from brianff.protocols import Protocol, Trainer
from brianff.protocols.configuration import load_protocol
from brianff.protocols.training import evaluate, open_trainer, resume
from brianff.storage.run_directory import RunDirectory

CLASSES, SHAPE = 3, (4, 5)


def drawn(count=30, seed=0):
    """Noisy versions of one pattern per class, as bytes, and their labels."""
    patterns = np.random.default_rng(7).integers(60, 196, (CLASSES, *SHAPE))
    labels = np.arange(count) % CLASSES
    noise = np.random.default_rng(seed).integers(-50, 50, (count, *SHAPE))
    return (patterns[labels] + noise).astype(np.uint8), labels


def folder(path, images, labels, names=("ant", "bee", "cat")):
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        (path / names[label]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path / names[label] / f"{number:03}.png")
    return path


def events():
    """Spikes of 6 units in 30 samples of 8 steps of 1 us: units 2 l and 2 l + 1 spike for label l, early and late."""
    labels = np.arange(30) % 3
    unit = np.stack([2 * labels, 2 * labels + 1], axis=1)
    time = np.stack([1e-6 * (labels + 1), np.full(30, 6.5e-6)], axis=1)
    sample = np.repeat(np.arange(30), 2)
    return {"unit": unit.ravel(), "time": time.ravel(), "sample": sample, "labels": labels}


GRID = {"units": 6, "duration": "8 us", "time_step": "1 us"}


def protocol(dataset, **changes):
    pixels = int(np.prod(load_dataset(dataset).image_shape))
    network = {"pixels": pixels, "classes": 3, "layers": [{"neurons": 6}]} | changes.pop("network", {})
    learning = {"epochs": 2, "batch": 8, "negatives": "wrong-label"} | changes.pop("learning", {})
    data = {"dataset": dataset} | changes.pop("data", {})
    return Protocol(data=data, network=network, learning=learning, engine={"workers": 1}, **changes)


EVENTS = {"encoding": {"kind": "events", "steps": 8}, "time_step": "1 us"}


@pytest.fixture
def files(tmp_path):
    """The same data in each format, by name."""
    h5py = pytest.importorskip("h5py")
    images, labels = drawn()
    folder(tmp_path / "folder", images, labels)
    np.savez(tmp_path / "images.npz", images=images, labels=labels)
    with h5py.File(tmp_path / "images.h5", "w") as file:
        file["images"], file["labels"], file["white"] = images, labels, 255
    np.savez(tmp_path / "spikes.npz", **events(), **GRID)
    table = events()
    rows = zip(table["unit"], table["time"], table["sample"], np.repeat(table["labels"], 2), strict=True)
    lines = [",".join(map(str, row)) for row in rows]
    (tmp_path / "spikes.csv").write_text("unit,time,sample,label\n" + "\n".join(lines))
    return tmp_path


def test_arrays_are_split_by_class_and_scaled():
    images, labels = drawn(60)
    dataset = Dataset.from_arrays(images, labels, name="mine")
    assert (dataset.name, dataset.image_shape, dataset.classes) == ("mine", SHAPE, 3)
    assert (len(dataset.train), len(dataset.test)) == (48, 12)
    assert np.bincount(dataset.test.labels).tolist() == [4, 4, 4]
    both = np.concatenate([dataset.train.images, dataset.test.images])
    assert sorted(map(bytes, both)) == sorted(map(bytes, images.reshape(60, -1)))
    assert dataset.train.intensities(slice(None)).max() == dataset.train.images.max() / 255
    features = Dataset.from_arrays(images.reshape(60, -1) / 255, labels, images[:9].reshape(9, -1) / 255, labels[:9])
    assert (features.image_shape, len(features.train), len(features.test)) == ((1, 20), 60, 9)
    np.testing.assert_array_equal(features.test.intensities(slice(None)), images[:9].reshape(9, -1) / 255)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": np.arange(30) % 3 + 0.5}, "labels must be whole numbers from 0"),
        ({"labels": np.array(["a", "b", "c"] * 10)}, "labels must be whole numbers from 0"),
        ({"labels": np.arange(30) % 3 - 1}, "labels must be whole numbers from 0"),
        ({"labels": np.arange(30) % 3 + 2.0**63}, "labels must be whole numbers from 0"),
        ({"labels": np.arange(20) % 3}, "20 labels for 30 images"),
        ({"labels": np.zeros(30, int)}, "there must be 2 or more"),
        ({"labels": np.arange(30)}, "give a test set"),
        ({"classes": 2}, "labels reach to 2 and there are 2 classes"),
        ({"images": drawn()[0].astype(int)}, "images of int64 need white"),
        ({"images": drawn()[0].astype(float)}, r"must lie in \[0, 1\.0\]: see `white`"),
        ({"images": np.full((30, 20), np.nan)}, r"must lie in \[0, 1\.0\]"),
        ({"images": drawn()[0] * 1j}, "complex128"),
        ({"images": np.zeros((30, 4, 5, 3))}, "shades of grey"),
        ({"test_images": drawn()[0]}, "give both or none"),
        ({"test_images": np.zeros((3, 20)), "test_labels": [0, 1, 2]}, "are not such of"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(change, message):
    images, labels = drawn()
    with pytest.raises(DataError, match=message):
        Dataset.from_arrays(**{"images": images, "labels": labels} | change)


def test_classes_without_images_are_told(files):
    images, labels = drawn()
    with pytest.warns(
        UserWarning, match=r"^data set 'own': labels start at 1: 4 classes, of which no image has 0\. "
    ) as told:
        assert Dataset.from_arrays(images, labels + 1).classes == 4
    assert told[0].filename == __file__
    with pytest.warns(UserWarning, match=r"^data set 'own': 8 classes, of which no image has 1, 2, 4, 5, 6\. "):
        Dataset.from_arrays(images, np.array([0, 3, 7])[labels])
    np.savez(files / "from-1.npz", images=images, labels=labels + 1)
    (files / "from-1.csv").write_text(
        "unit,time,sample,label\n" + "".join(f"0,1e-6,{n},{n % 3 + 1}\n" for n in range(30))
    )
    for name, options in (("from-1.npz", {}), ("from-1.csv", GRID)):
        with pytest.warns(UserWarning, match="'from-1': labels start at 1"):
            load_dataset({"name": name[-3:], "path": str(files / name)} | options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Dataset.from_arrays(images, labels + 1, classes=4).classes == 4
        assert Dataset.from_folder(folder(files / "numbers", images, labels, ("1", "2", "3"))).classes == 3


def test_a_split_knows_its_white():
    labels = np.arange(2)
    for images, white in (([[0.0], [1.0]], 1.0), (np.array([[0], [16]]), 16), (np.array([[False], [True]]), 1.0)):
        split = Split(np.asarray(images), labels, *([16] if white == 16 else []))
        assert split.intensities(slice(None)).ravel().tolist() == [0.0, 1.0]
        assert split.first(1).white == white


def test_image_folders_with_and_without_a_test_part(tmp_path):
    images, labels = drawn()
    dataset = Dataset.from_folder(folder(tmp_path / "all", images, labels))
    assert (dataset.name, dataset.image_shape, dataset.classes) == ("all", SHAPE, 3)
    assert (len(dataset.train), len(dataset.test)) == (24, 6)
    # Numbers are ordered as numbers: 2 before 10.
    folder(tmp_path / "parts" / "train", images, labels, ("2", "10", "30"))
    folder(tmp_path / "parts" / "test", images[:6], labels[:6], ("2", "10", "30"))
    dataset = Dataset.from_folder(tmp_path / "parts")
    assert (len(dataset.train), dataset.test.labels.tolist()) == (30, [0, 0, 1, 1, 2, 2])
    np.testing.assert_array_equal(dataset.test.images.reshape(-1, *SHAPE), images[[0, 3, 1, 4, 2, 5]])


def test_faulty_folders_say_which_file_and_what_to_do(tmp_path):
    images, labels = drawn()
    path = folder(tmp_path / "own", images, labels)
    (path / "dog").mkdir()
    with pytest.raises(DataError, match=r"own/dog holds no PNG or JPEG image: add some"):
        Dataset.from_folder(path)
    Image.fromarray(np.zeros((3, 3), np.uint8)).save(path / "dog" / "small.png")
    with pytest.raises(DataError, match=r"000\.png \(4, 5\), .*small\.png \(3, 3\)"):
        Dataset.from_folder(path)
    (path / "dog" / "small.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"small\.png cannot be read"):
        Dataset.from_folder(path)
    Image.fromarray(np.zeros(SHAPE, np.uint16)).save(path / "dog" / "small.png")
    with pytest.raises(DataError, match=r"small\.png .* more than 8 bits"):
        Dataset.from_folder(path)
    with pytest.raises(DataError, match="it needs one for each class"):
        Dataset.from_folder(path / "dog")


def test_every_format_gives_the_same(files):
    images, labels = drawn()
    wanted = Dataset.from_arrays(images, labels).digest
    assert load_dataset(files / "images.npz").digest == load_dataset(str(files / "images.h5")).digest == wanted
    pixels, order = load_dataset(files / "folder"), np.argsort(labels, kind="stable")
    assert pixels.digest == Dataset.from_arrays(images[order], labels[order]).digest
    spikes = Dataset.from_spikes(**events(), **GRID)
    table = {"name": "csv", "path": files / "spikes.csv", **GRID}
    assert load_dataset(files / "spikes.npz").digest == load_dataset(table).digest == spikes.digest
    assert load_dataset(spikes) is spikes


def test_files_that_do_not_fit_say_what_they_hold(files):
    np.savez(files / "keras.npz", x_train=np.zeros(3), y_train=np.zeros(3))
    with pytest.raises(DataError, match=r"keras\.npz holds x_train, y_train: .*Images need images and labels"):
        load_dataset(files / "keras.npz")
    with pytest.raises(DataError, match=r"spikes\.csv holds .* 'units', 'duration', and 'time_step'"):
        load_dataset(files / "spikes.csv")
    (files / "broken.npz").write_bytes(b"PK")
    for name in ("broken.npz", "missing.npz", "missing.h5", "missing.csv", "missing/folder"):
        with pytest.raises(DataError, match=name):
            load_dataset(files / name)
    with pytest.raises(ConfigurationError, match="'npz' does not take these parameters"):
        load_dataset({"name": "npz"})
    with pytest.raises(DataError, match=r"images\.npz .*unexpected keyword argument 'whit'"):
        load_dataset({"name": "npz", "path": files / "images.npz", "whit": 3})
    with pytest.raises(ConfigurationError, match="a data set is a name, a path, a table"):
        Protocol(data={"dataset": 3})


def test_spike_trains_are_binned_as_counted_by_hand():
    spikes = {"unit": [0, 1, 1, 1], "time": [0.0, 0.3e-3, 2.9e-3, 2.95e-3], "sample": [0, 0, 1, 1]}
    trains = SpikeTrains.from_events(**spikes, samples=3, units=2, duration=3e-3, time_step=0.1e-3)
    wanted = np.zeros((3, 30, 2), bool)
    wanted[[0, 0, 1], [0, 3, 29], [0, 1, 1]] = True
    assert trains.shape == (3, 2)
    assert (trains.matrix.toarray().reshape(3, 30, 2) == wanted).all()
    assert (SpikeTrains.from_raster(wanted).matrix != trains.matrix).nnz == 0
    assert len(trains[np.array([True, False, True])]) == len(trains[1:]) == 2
    for change, message in (
        ({"unit": [0, 1, 1, 2]}, "unit must be whole numbers from 0 to 1"),
        ({"sample": [0, 0, 1, 3]}, "sample must be whole numbers from 0 to 2"),
        ({"time": [0, 0, 0, 3e-3]}, r"must lie in \[0, 0\.003\) s"),
        ({"time": [0, 0, 0]}, "one of each per spike"),
        ({"duration": 2.95e-3 / 3}, "one or more whole time steps"),
        ({"time_step": "1 mV"}, "must be times"),
    ):
        given = {**spikes, "samples": 3, "units": 2, "duration": 3e-3, "time_step": 0.1e-3} | change
        with pytest.raises(DataError, match=message):
            SpikeTrains.from_events(**given)


@pytest.mark.parametrize("kind", first_fast(["images.npz", "spikes.npz", "folder", "images.h5", "spikes.csv"], fast=2))
def test_each_trains_resumes_and_evaluates(files, kind):
    path = str(files / kind)
    dataset = {"name": "csv", "path": path, **GRID} if kind == "spikes.csv" else path
    described = protocol(dataset, network=EVENTS if "spikes" in kind else {})
    whole = Trainer(described).fit(progress=False)
    run = RunDirectory(files / "run")
    trainer, epochs = Trainer(described), []
    run_epoch = trainer.run_epoch

    def once(report):
        if epochs:
            raise KeyboardInterrupt
        epochs.append(1)
        run_epoch(report)

    trainer.run_epoch = once
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(run, progress=False)
    written = RunDirectory.open(run.path).read_config()
    assert written["data"]["dataset"] == dataset
    resumed = Trainer(Protocol(**written)).fit(run, progress=False)
    assert resumed["weights_digest"] == whole["weights_digest"]
    assert evaluate(run, progress=False)["test_accuracy"] == resumed["test_accuracy"]
    # Other content under the same name is refused.
    if kind == "images.npz":
        images, labels = drawn(seed=1)
        before = load_dataset(path).digest[:12]
        np.savez(path, images=images, labels=labels)
        with pytest.raises(CheckpointError, match=f"{before}.* now {load_dataset(path).digest[:12]}.*train anew"):
            open_trainer(run)


def test_labelled_spike_trains_are_learned():
    """Each class has its own two units: after some epochs nearly all are told apart."""
    dataset = Dataset.from_spikes(**events(), **GRID, test_samples=9)
    assert dataset.test.labels.tolist() == events()["labels"][-9:].tolist()
    described = protocol(dataset, network=EVENTS, learning={"epochs": 20, "learning_rate": 0.05})
    layer = Layer(neurons=30, initial_weight_deviation=0.1)
    described = described.replace(network=described.network.replace(layers=[layer]))
    assert Trainer(described).fit(progress=False)["test_accuracy"] >= 8 / 9


@pytest.mark.slow
def test_a_data_set_made_in_python_is_written_as_its_name(tmp_path):
    dataset = Dataset.from_arrays(*drawn(), name="made-in-python")
    summary = Trainer(protocol(dataset), dataset=dataset).fit(tmp_path / "run", progress=False)
    run = RunDirectory.open(tmp_path / "run")
    assert run.read_config()["data"]["dataset"] == "made-in-python"
    with pytest.raises(
        ConfigurationError, match=r"no data set 'made-in-python'.*open_trainer\(run, .*register\.dataset\(load, '"
    ):
        open_trainer(run)
    other = Dataset.from_arrays(*drawn(seed=1), name="made-in-python")
    assert evaluate(run, progress=False, dataset=dataset)["test_accuracy"] == summary["test_accuracy"]
    assert resume(run, progress=False, dataset=dataset) == summary
    assert [path.suffix for path in write_figures(open_trainer(run, dataset=dataset), tmp_path / "figures")]
    with pytest.raises(CheckpointError, match=re.escape(other.digest[:12])):
        open_trainer(run, dataset=other)
    brianff.register.dataset(lambda: dataset, "made-in-python")
    try:
        assert available_datasets()["made-in-python"] == "registered"
        assert open_trainer(run).finished
        brianff.register.dataset(lambda data_dir: other, "made-in-python", replace=True)
        with pytest.raises(CheckpointError, match=re.escape(other.digest[:12])):
            open_trainer(run)
    finally:
        DATASETS._parts.pop("made-in-python")


def test_settings_of_the_command_line_name_paths_and_tables(files):
    for setting in (
        f"data.dataset={files / 'images.npz'}",
        f'data.dataset={{name="folder", path="{files / "folder"}"}}',
    ):
        described = load_protocol("msnn-digits", [setting, "network.pixels=20", "network.classes=3"])
        assert load_dataset(described.data.dataset).image_shape == SHAPE


def test_networks_and_data_that_do_not_belong_together_are_refused():
    spikes, images = Dataset.from_spikes(**events(), **GRID), Dataset.from_arrays(*drawn())
    unlabelled = {"negatives": "hybrid", "modulator": "sigmoid", "polarity": "both"}
    for described, message in (
        (protocol(spikes), r"spike trains: use encoding = EventEncoding\(steps=8\)"),
        (protocol(images, network=EVENTS), "takes spike trains, not images"),
        (protocol(spikes, network=EVENTS | {"encoding": EventEncoding(steps=9)}), "8 steps of 1e-06 s"),
        (protocol(spikes, network=EVENTS | {"time_step": "0.5 us"}), "of 5e-07 s"),
        (protocol(spikes, network=EVENTS, data={"shift": 1}), "not distorted or mixed"),
        (protocol(spikes, network=EVENTS | {"label": {"strength": 0}}, learning=unlabelled), "not distorted or mixed"),
        (protocol(spikes, network=EVENTS | {"pixels": 7}), "network.pixels is 7"),
    ):
        with pytest.raises(BrianffError, match=message):
            Trainer(described)


def test_the_digest_sees_all_that_learning_sees():
    images, labels = drawn()
    one = Dataset.from_arrays(images, labels, images[:6], labels[:6])
    same = Dataset.from_arrays(images.copy(), list(labels), images[:6], labels[:6], name="another name")
    assert one.digest == same.digest
    changed = images.copy()
    changed[0, 0, 0] += 1
    spikes = Dataset.from_spikes(**events(), **GRID)
    others = [
        Dataset.from_arrays(changed, labels, images[:6], labels[:6]),
        Dataset.from_arrays(images, labels[::-1], images[:6], labels[:6]),
        Dataset.from_arrays(images, labels, changed[:6], labels[:6]),
        Dataset.from_arrays(images, labels, images[:6], labels[:6], white=254),
        Dataset.from_arrays(images, labels, images[:6], labels[:6], classes=4),
        Dataset.from_arrays(images.reshape(30, 20), labels, images[:6].reshape(6, 20), labels[:6]),
        Dataset.from_arrays(images / 255, labels, images[:6] / 255, labels[:6]),
        replace(one, train=one.test, test=one.train),
        spikes,
        Dataset.from_spikes(**events(), **GRID | {"duration": "9 us"}),
        Dataset.from_spikes(**events() | {"time": events()["time"] / 2}, **GRID),
    ]
    assert len({one.digest, *(other.digest for other in others)}) == 1 + len(others)


def test_networks_of_events_are_described_by_their_kind():
    network = Network(pixels=6, classes=3, encoding={"kind": "events", "steps": 8, "label_steps": (0, 4)})
    assert network.model_dump(mode="json")["encoding"]["kind"] == "events"
    with pytest.raises(ConfigurationError, match="label_steps must lie between 0 and 7"):
        EventEncoding(steps=8, label_steps=(8,))


def test_the_command_line_lists_and_loads_registered_data(tmp_path, monkeypatch, capsys):
    from brianff.cli import main

    (tmp_path / "own_loader.py").write_text(
        "import numpy as np, brianff\n"
        "images, labels = np.random.default_rng(1).random((30, 4, 5)), np.arange(30) % 3\n"
        "brianff.register.dataset(lambda scale=1.0: brianff.Dataset.from_arrays(scale * images, labels), 'x')\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["brianff", "data", "--import", "own_loader.py"])
    try:
        with pytest.raises(SystemExit) as stopped:
            main()
        assert stopped.value.code == 0
        assert "x              registered" in capsys.readouterr().out
        assert load_dataset({"name": "x", "scale": 0.5}).train.images.max() < 0.5
        with pytest.raises(ConfigurationError, match="'x' does not take these parameters"):
            load_dataset({"name": "x", "sale": 0.5})
    finally:
        DATASETS._parts.pop("x", None)
