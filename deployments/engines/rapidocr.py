"""Text from images by RapidOCR (PP-OCRv6 small, Chinese and English, carried by its package) on ONNX Runtime. Nothing is downloaded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
import rapidocr
from PIL.Image import Image
from rapidocr.utils.output import RapidOCROutput
from rapidocr.utils.process_img import ResizeImgError

from cluster.contracts.perception import TextLine
from cluster.contracts.serving import ReplicaSpec
from cluster.errors import ConfigError, EngineError, Unprocessable


class RapidOcr:
    """An OcrEngine."""

    def __init__(self, spec: ReplicaSpec) -> None:
        detector, recognizer = (_model(Path(spec.path), task) for task in ("det", "rec"))
        metadata = onnxruntime.InferenceSession(recognizer, providers=["CPUExecutionProvider"]).get_modelmeta().custom_metadata_map
        if "character" not in metadata:
            raise ConfigError(
                f"{recognizer} does not carry its alphabet, which would have to be downloaded; use a model of PP-OCRv4 or later."
            )
        self._read = rapidocr.RapidOCR(
            params={
                "Global.log_level": "critical",
                # The angle classifier turns lines upside down that are not, which loses more than the few it puts right.
                "Global.use_cls": False,
                "Det.model_path": str(detector),
                "Rec.model_path": str(recognizer),
                "EngineConfig.onnxruntime.intra_op_num_threads": spec.threads,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            }
        )
        self._find(np.full((64, 64, 3), 255, dtype=np.uint8))  # the models load on first use; a replica is ready when they have

    def extract(self, image: Image) -> tuple[TextLine, ...]:
        try:
            found = self._find(np.ascontiguousarray(np.asarray(image)[:, :, ::-1]))  # OpenCV's order of colours
        except ResizeImgError as error:
            raise Unprocessable(
                f"An image of {image.width} x {image.height} pixels is too narrow for text; send one whose sides differ less."
            ) from error
        except Exception as error:  # rapidocr's and onnxruntime's exceptions share no base class
            raise EngineError(f"RapidOCR failed on an image of {image.width} x {image.height} pixels: {error}") from error
        return tuple(reading_order(found))

    def _find(self, pixels: np.ndarray) -> list[TextLine]:
        result = self._read(pixels)
        if not isinstance(result, RapidOCROutput) or result.boxes is None or result.txts is None or result.scores is None:
            return []
        return [
            TextLine(text, float(score), tuple((float(x), float(y)) for x, y in box))
            for text, score, box in zip(result.txts, result.scores, result.boxes, strict=True)
        ]

    def close(self) -> None:
        del self._read


def reading_order(lines: Sequence[TextLine]) -> Iterator[TextLine]:
    """Row by row from the top, each row from the left. A line belongs to a row when its middle lies within the line found before it."""
    rows: list[list[TextLine]] = []
    for line in sorted(lines, key=lambda one: _extent(one)[0]):
        top, bottom = _extent(line)
        if rows and _extent(rows[-1][-1])[0] <= (top + bottom) / 2 <= _extent(rows[-1][-1])[1]:
            rows[-1].append(line)
        else:
            rows.append([line])
    for row in rows:
        yield from sorted(row, key=lambda one: min(x for x, _ in one.box))


def _extent(line: TextLine) -> tuple[float, float]:
    heights = [y for _, y in line.box]
    return min(heights), max(heights)


def _model(folder: Path, task: str) -> Path:
    """The ONNX file for ``task`` ("det": finds lines, "rec": reads them) in ``folder``, which may be the package's own."""
    found = sorted(path for place in (folder, folder / "models") for path in place.glob(f"*_{task}_*.onnx"))
    if not found:
        raise ConfigError(f"{folder} has no file *_{task}_*.onnx; name the folder of RapidOCR's models.")
    return found[0]


def load(spec: ReplicaSpec) -> RapidOcr:
    return RapidOcr(spec)
