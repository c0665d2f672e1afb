"""The compiled half of drkit."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Optional, Union, final

from typing_extensions import Buffer

from ._error import Error
