"""Names that no manifest can trip over: labels, references to images, and models by URI."""

import hashlib
import re
import unicodedata
from pathlib import Path

from burnish.errors import DeployError
from burnish.records.deploy_plan import ModelSource

LONGEST = 40
"""Letters of a name; objects add a suffix, and a label ends at 63, SageMaker's names too."""
_IMAGE = re.compile(
    r"[a-z0-9]+(?:[.:/_-]{1,2}[a-zA-Z0-9]+)*", re.ASCII
)  # the grammar of references, a little narrower
_PLACES = {
    "pvc": (r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?", "pvc://CLAIM/PATH"),
    "s3": (r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "s3://BUCKET/PATH"),
    "gs": (r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]", "gs://BUCKET/PATH"),
    "az": (r"[a-z0-9]{3,24}/[a-z0-9](?:[a-z0-9-]{1,61}[a-z0-9])", "az://ACCOUNT/CONTAINER/PATH"),
    "hf": (r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", "hf://ORG/NAME@REVISION"),
}
"""Kind of source → what its place may be, and how its URI is spelled."""
_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.=+-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.=+-]*)*", re.ASCII)
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*", re.ASCII)


def label(text: str) -> str:
    """A task's name as a DNS label (RFC 1123): a letter first, then letters, digits and hyphens.

    Two names that differ stay different: what had to be changed beyond case and separators gets
    six digits of the name's hash.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    if not words or not words[0].isalpha():
        words = f"task-{words}".strip("-")
    if words == re.sub(r"[ _-]+", "-", text.strip().lower()) and len(words) <= LONGEST:
        return words
    mark = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:6]
    return f"{words[: LONGEST - 7].rstrip('-')}-{mark}"


def check_image(image: str) -> str:
    """A reference to an image with its tag or digest.

    Raises:
        DeployError: it is none, or its tag is missing or latest.
    """
    name, _, tag = image.rpartition(":")
    if len(image) > 255 or not _IMAGE.fullmatch(image.replace("@", ":")):
        raise DeployError(
            f"{image!r} is no reference to an image.",
            hint="name it as --image REGISTRY/NAME:TAG",
        )
    if not name or "/" in tag or tag == "latest":
        raise DeployError(
            f"The image {image} has no fixed tag, so nobody could tell what runs.",
            hint=f"name it as --image {name if tag == 'latest' else image}:1",
        )
    return image


def read_source(text: str) -> ModelSource:
    """Where a model lies, as `--model` says it.

    Raises:
        DeployError: the URI is not of the form of its kind, or the folder holds no merged model.
    """
    kind, sign, rest = text.partition("://")
    if not sign:
        return _folder(text)
    if kind not in _PLACES:
        raise DeployError(
            f"{text!r} is of no kind that a model can be fetched from.",
            hint=f"name a folder or one of {', '.join(form for _, form in _PLACES.values())}",
        )
    pattern, form = _PLACES[kind]
    rest, _, revision = rest.partition("@") if kind == "hf" else (rest, "", "")
    found = re.match(rf"(?P<place>{pattern})(?:/(?P<path>.*))?\Z", rest, re.ASCII | re.DOTALL)
    path = (found["path"] or "").strip("/") if found else ""
    sound = bool(found) and (not path or (kind != "hf" and _PATH.fullmatch(path)))
    if found is None or not sound or (revision and not _REVISION.fullmatch(revision)):
        raise DeployError(
            f"{text!r} does not name a model: letters, digits and . _ - = + are read in its parts.",
            hint=f"spell it {form}",
        )
    return ModelSource.model_validate(
        {"kind": kind, "place": found["place"], "path": path, "revision": revision}
    )


def _folder(text: str) -> ModelSource:
    if not text.isprintable():
        raise DeployError(
            f"The folder {text!r} has letters that cannot be printed.", hint="rename it"
        )
    path = Path(text).expanduser()
    if not (path / "config.json").is_file() or not any(path.glob("*.safetensors")):
        raise DeployError(
            f"{text} holds no merged model (config.json and *.safetensors).",
            hint="type burnish export --form merged and name the folder that it writes",
        )
    return ModelSource(kind="folder", place=str(path.resolve()))
