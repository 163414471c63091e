"""Conformance checks and certificates for online-learning gradients of recurrent and spiking networks.

The face of the project: the public Python API, the command line and the pytest plugin. It may import every room below
(`gradcert.certify`, `gradcert.properties`, `gradcert.hardware_models`, `gradcert.derivations`, `gradcert.reference`);
no room imports it. Importing any room runs this file first, so nothing heavy is imported here: names are resolved when
they are first used.
"""

__version__ = "0.1.0"
