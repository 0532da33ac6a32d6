"""The project's own template, deployed to a cloud on this machine's loopback; see README.md beside this file."""

from cloud.deployment import Deployment, RegionStack, deploy
from cloud.server import LocalCloud

__all__ = ["Deployment", "LocalCloud", "RegionStack", "deploy"]
