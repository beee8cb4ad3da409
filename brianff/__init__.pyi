from .crossbar import Crossbar as Crossbar
from .data import Dataset as Dataset
from .data import Split as Split
from .data import load_dataset as load_dataset
from .description import Device as Device
from .description import LabelCode as LabelCode
from .description import LatencyEncoding as LatencyEncoding
from .description import Layer as Layer
from .description import Network as Network
from .description import PulseEncoding as PulseEncoding
from .description import RateEncoding as RateEncoding
from .errors import BrianffError as BrianffError
from .goodness import Goodness as Goodness
from .responses import Recording as Recording
from .responses import Responses as Responses
from .simulator import Simulator as Simulator

__version__: str
