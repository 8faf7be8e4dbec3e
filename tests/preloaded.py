"""The modules that the server of `tests.processes` imports once for all commands."""

import importlib
import pkgutil

import lmreg.commands

importlib.import_module("torch._dynamo")  # every optimizer does
for _module in pkgutil.iter_modules(lmreg.commands.__path__):
    importlib.import_module(f"lmreg.commands.{_module.name}")
