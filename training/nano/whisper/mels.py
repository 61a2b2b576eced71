"""What a Whisper sees of a sound: 80 mel bands, a hundred frames a second, as faster-whisper computes them where the model is served."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
from faster_whisper.feature_extractor import FeatureExtractor  # type: ignore[import-untyped]

from training.nano.whisper.speech import Sound

Mels = npt.NDArray[np.float32]
BANDS = 80
FRAMES_A_SECOND = 100
FLOOR = 1e-10


@cache
def extractor() -> FeatureExtractor:
    return FeatureExtractor(feature_size=BANDS)


def powers(sound: Sound) -> Mels:
    """[80, frames], the power in each band, so that sounds can still be added to one another."""
    tool = extractor()
    window = np.hanning(tool.n_fft + 1)[:-1].astype(np.float32)
    spectrum = tool.stft(np.pad(sound, (0, 160)), tool.n_fft, tool.hop_length, window=window, return_complex=True)
    return np.asarray(tool.mel_filters @ (np.abs(spectrum[..., :-1]) ** 2), dtype=np.float32)


def looks(power: Mels) -> Mels:
    """What the network sees of a whole sound: logarithms, of which all but the upper eight decades are cut off."""
    logs = np.log10(np.maximum(power, FLOOR))
    return np.asarray((np.maximum(logs, logs.max() - 8.0) + 4.0) / 4.0, dtype=np.float32)
