"""Docker, Docker Compose and Text Generation Inference: the files and commands of one machine."""

import shlex

from burnish.deploy import versions
from burnish.deploy.engines import (
    GATEWAY_GIB,
    GROUP,
    IMAGE,
    PORTS,
    SHARED_GIB,
    USER,
    engine_host,
    entrypoint,
    environment,
    fetch,
    gateway_words,
    words,
)
from burnish.deploy.rendering import render
from burnish.records.deploy_plan import DeployPlan

_SERVING = "transformers[serving]"
_POSTGRES = "psycopg[binary]"


def image_files(plan: DeployPlan, folder: str = "") -> dict[str, str]:
    """The Dockerfile of the gateway's image and what it copies, but for the wheel."""
    extras = [_POSTGRES] + ([_SERVING] if plan.engine == "transformers" else [])
    values = {"versions": versions, "ports": PORTS, "extras": " ".join(f'"{e}"' for e in extras)}
    values["gateway_words"] = gateway_words(plan)
    given = {**dict(plan), **values}
    packages = {**plan.packages, "psycopg": versions.PSYCOPG, "psycopg-binary": versions.PSYCOPG}
    return {
        f"{folder}Dockerfile": render("shared/gateway.Dockerfile.jinja", **given),
        f"{folder}.dockerignore": render("shared/dockerignore.jinja"),
        f"{folder}constraints.txt": render(
            "shared/constraints.txt.jinja", **{**given, "packages": packages}
        ),
    }


def engine_values(plan: DeployPlan) -> dict[str, object]:
    """What the templates of an engine beside a gateway may use."""
    return {
        **dict(plan),
        "versions": versions,
        "ports": PORTS,
        "fetch": fetch(plan),
        "engine_image": plan.image if plan.engine == "transformers" else IMAGE[plan.engine],
        "entrypoint": entrypoint(plan),
        "words": words(plan),
        "environment": environment(plan),
        "engine_user": USER[plan.engine],
        "engine_group": GROUP[plan.engine],
        "gateway_gib": GATEWAY_GIB,
        "shared_gib": SHARED_GIB,
    }


def docker_files(plan: DeployPlan) -> dict[str, str]:
    """The image alone: engine and gateway are started by hand."""
    return image_files(plan)


def docker_commands(plan: DeployPlan) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Build, start the engine, start the gateway."""
    name, given = plan.name, plan.resources
    hardened = "--cap-drop ALL --security-opt no-new-privileges:true --read-only"
    start, *rest = entrypoint(plan)
    # Docker reads the mount as CSV, in which a place with a comma is one quoted field.
    place = plan.model.place.replace('"', '""')
    mount = f'type=bind,"source={place}",target=/models,readonly'
    engine = [
        f"docker run --detach --name {name}-engine --network {name} --restart unless-stopped \\",
        f"  {hardened} --tmpfs /tmp:exec,mode=1777 --memory {given.memory_gib}g \\",
        f"  --user {USER[plan.engine]}:{GROUP[plan.engine]} --stop-timeout 60 \\",
    ]
    if given.card:
        engine.append(f"  --gpus 1 --shm-size {SHARED_GIB}g \\")
    engine += [
        *(f"  --env {variable}={value} \\" for variable, value in environment(plan).items()),
        f"  --mount {shlex.quote(mount)} \\",
        f"  --entrypoint {start} {IMAGE.get(plan.engine, plan.image)} "
        + shlex.join([*rest, *words(plan)]),
    ]
    gateway = [
        f"docker run --detach --name {name}-gateway --network {name} --restart unless-stopped \\",
        f"  {hardened} --tmpfs /tmp --memory {GATEWAY_GIB}g --stop-timeout 45 \\",
        f"  --volume {name}-workspace:/workspace \\",
        f"  --publish 127.0.0.1:{PORTS['gateway']}:{PORTS['gateway']} {plan.image}",
    ]
    return (
        (
            "Build the gateway's image, and make a network for the two containers:",
            (f"docker build --tag {plan.image} . && docker network create {name}",),
        ),
        ("Start the engine; only containers of its network reach it:", tuple(engine)),
        (
            "Make an API key, which is shown once, and start the gateway, for this machine alone:",
            (
                f"docker run --rm --volume {name}-workspace:/workspace {plan.image} "
                "keys add me --workspace /workspace",
                *gateway,
            ),
        ),
    )


def compose_files(plan: DeployPlan) -> dict[str, str]:
    """The image, and a compose file with engine, gateway and a database on demand."""
    given = {
        **engine_values(plan),
        "host": engine_host(plan),
        "python": "python" if plan.engine == "transformers" else "python3",
    }
    names = ["compose.yaml", "gateway.env.example", "database.env.example"]
    files = {name: render(f"compose/{name}.jinja", **given) for name in names}
    if given["fetch"]:
        files["model.env.example"] = render("shared/model.env.example.jinja", **given)
    return image_files(plan) | files


def compose_commands(plan: DeployPlan) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Settings, start, look."""
    copies = ["cp gateway.env.example gateway.env", "cp database.env.example database.env"]
    if plan.model.kind != "folder":
        copies.append("cp model.env.example model.env")
    return (
        ("Make the files with settings and secrets, and fill in what you need:", tuple(copies)),
        (
            "Build, and make an API key, which is shown once (with a database of its own, start it "
            "before: docker compose --profile postgres up --detach --wait database):",
            (
                "docker compose build",
                "docker compose run --rm --no-deps gateway keys add me --workspace /workspace",
            ),
        ),
        (
            "Start, and look whether an engine answers:",
            (
                "docker compose up --detach --wait",
                f"curl --fail http://127.0.0.1:{PORTS['gateway']}/readyz",
            ),
        ),
    )
