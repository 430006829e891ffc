"""The HTTP and WebSocket server: `uvicorn server.app:app --port 8000` in this package's folder."""

import argparse

from openenv.core.env_server.http_server import create_app

try:
    from ..models import TurnwrightAction, TurnwrightObservation
    from .environment import TurnwrightEnvironment
except ImportError:
    from models import TurnwrightAction, TurnwrightObservation
    from server.environment import TurnwrightEnvironment

app = create_app(
    TurnwrightEnvironment, TurnwrightAction, TurnwrightObservation, env_name="@NAME@", max_concurrent_envs=64
)


def main(host: str = "0.0.0.0", port: int = 8000) -> None:
    """Serve until stopped."""
    import uvicorn

    uvicorn.run(app, host=host, port=port)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=8000)
    main(port=parser.parse_args().port)
