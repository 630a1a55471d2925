"""The images and versions that manifests name, in one place; read from their makers 2026-11."""

PYTHON = "python:3.11.14-slim-trixie"
"""The base of the gateway's image: the Python that Burnish is tested on."""
VLLM = "vllm/vllm-openai:v0.33.0"
VLLM_PACKAGE = "0.33.0"
TGI = "ghcr.io/huggingface/text-generation-inference:3.3.7"
"""The last release: the project is archived, so compose with vLLM is the better choice."""
RCLONE = "rclone/rclone:1.71.2"
POSTGRES = "postgres:17.6-bookworm"
BUSYBOX = "busybox:1.37.0"
SAGEMAKER_VLLM = "vllm:server-sagemaker-cuda-v1"
"""Repository and tag below the account of AWS Deep Learning Containers."""
SAGEMAKER_ACCOUNT = "763104351884"
SAGEMAKER_AMI = "al2-ami-sagemaker-inference-gpu-3-1"
VERTEX_VLLM = (
    "us-docker.pkg.dev/vertex-ai/vertex-vision-model-garden-dockers/"
    "pytorch-vllm-serve:20260713_0916_RC01"
)

VLLM_USER = 2000
"""The user `vllm` of vLLM's image: it needs a name in the image's passwd, so no other number."""
BURNISH_USER = 10001
"""The user of the gateway's image."""
KUBERNETES = "1.30"
"""The oldest Kubernetes whose API has all that is used (sleep before the stop of a container)."""
PSYCOPG = "3.3.9"
"""The driver of PostgreSQL in the gateway's image."""
