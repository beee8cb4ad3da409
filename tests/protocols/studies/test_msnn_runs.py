"""The runs behind the fully memristive network's table."""

import pytest

from brianff.errors import ConfigurationError
from brianff.protocols.studies.msnn_runs import msnn_runs


def test_every_combination_is_a_run_of_its_own():
    runs = msnn_runs()
    assert len(runs) == 3 * 2 * 3
    assert len({protocol.model_dump_json() for protocol in runs.values()}) == len(runs)
    protocol = runs["msnn-fashion-mnist-large-ecram-seed2"]
    assert (protocol.data.dataset, protocol.seed) == ("fashion-mnist", 2)
    assert all(layer.device.name == "ecram" for layer in protocol.network.layers)
    assert not any(protocol.data.validation_images for protocol in runs.values())  # the test images are evaluated


def test_the_quick_form_is_one_seed():
    runs = msnn_runs(["mnist"], ["ideal"], [4, 5], quick=True)
    assert [protocol.seed for protocol in runs.values()] == [4]


@pytest.mark.parametrize(
    ("arguments", "message"), [((["digits"],), "no data set 'digits'.*mnist"), ((["mnist"], ["gold"]), "'gold'")]
)
def test_unknown_names_are_refused(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        msnn_runs(*arguments)
