"""A device from wherever it is kept: a project file and a name, or a device file that was carried away."""

from __future__ import annotations

import os

from ..errors import ParameterError
from .database import is_database
from .device import Device
from .project import Project

__all__ = ["open_device"]


def open_device(
    path: str | os.PathLike[str],
    *,
    device: str | None = None,
    password: str | bytes | None = None,
    user: str = "admin",
) -> Device:
    """Open a device from either kind of file; programs that take the one take the other.

    The device owns the file: `Device.close`, or `with`, lets go of it.

    Args:
        path: A project file, or a device file.
        device: Name of the device; may be left out where there is only one.
        password: Of the user, or of the device file.
        user: Who logs in to a project.

    Raises:
        ParameterError: No such file, neither kind of file, a wrong password, or no such device.
    """
    name = os.fspath(path)
    if not is_database(name):
        found = Device.open(name, password=password)
        if device not in (None, found.name):
            raise ParameterError(
                f"holds the device {found.name!r}, not {device!r}", where=name,
                remedy="Leave the device's name out, or name another file",
            )
        return found
    project = Project.open(name, password=password, user=user)
    try:
        return project.device(device or _only_one(project, name), release=project.close)
    except BaseException:
        project.close()
        raise


def _only_one(project: Project, name: str) -> str:
    names = [one.name for one in project.devices]
    if len(names) != 1:
        raise ParameterError("which device?", where=name, remedy=f"Name one of: {', '.join(names) or 'there is none yet'}")
    return names[0]
