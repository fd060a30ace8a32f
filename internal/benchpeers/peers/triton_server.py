"""Triton as the wheel nvidia-pytriton carries it: its own HTTP front and dynamic batcher
in front of its Python backend, whose worker runs ONNX Runtime. (The wheel has no ONNX
Runtime backend, which a container of Triton's would have.)

NAME is the model's name, MODEL its file, ROW the shape of a row ("3,64,64"), ANSWER the
length of its answer, PORT where it listens. The working folder receives the model
repository and the backend's folder.
"""

import os
import pathlib
import shutil
import sys
import sysconfig

import pytriton

here = pathlib.Path(__file__).parent
work = pathlib.Path.cwd()
name = os.environ["NAME"]
package = pathlib.Path(pytriton.__file__).parent
triton = package / "tritonserver"

# The backend looks for the stub of this Python's version next to itself.
stub = triton / "python_backend_stubs" / f"{sys.version_info.major}.{sys.version_info.minor}" / "triton_python_backend_stub"
if not stub.exists():
    sys.exit(f"the wheel has no stub for Python {sys.version.split()[0]}: {stub} is not there")
backend = work / "backends" / "python"
backend.mkdir(parents=True)
for file in [*(triton / "backends" / "python").glob("*.*"), stub]:
    (backend / file.name).symlink_to(file)

version = work / "repository" / name / "1"
version.mkdir(parents=True)
shutil.copy(here / "triton_model.py", version / "model.py")
dims = os.environ["ROW"].replace(",", ", ")
delay = os.environ.get("DELAY_US", "0")
(version.parent / "config.pbtxt").write_text(
    f"""
name: "{name}"
backend: "python"
max_batch_size: {os.environ.get("BATCH", "64")}
input [ {{ name: "x" data_type: TYPE_FP32 dims: [ {dims} ] }} ]
output [ {{ name: "y" data_type: TYPE_FP32 dims: [ {os.environ["ANSWER"]} ] }} ]
instance_group [ {{ count: 1 kind: KIND_CPU }} ]
dynamic_batching {{ max_queue_delay_microseconds: {delay} }}
parameters {{ key: "file" value: {{ string_value: "{os.environ["MODEL"]}" }} }}
"""
)

# The stub is a program of its own: it finds the libraries that the wheel brings, this
# Python's, and by the PATH the packages of this environment.
libraries = [str(package.parent / "nvidia_pytriton.libs"), sysconfig.get_config_var("LIBDIR") or ""]
libraries.append(os.environ.get("LD_LIBRARY_PATH", ""))
environment = dict(
    os.environ,
    LD_LIBRARY_PATH=":".join(p for p in libraries if p),
    PATH=f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}",
)
program = str(triton / "bin" / "tritonserver")
os.execve(
    program,
    [
        program,
        f"--model-repository={work / 'repository'}",
        f"--backend-directory={work / 'backends'}",
        "--http-address=127.0.0.1",
        f"--http-port={os.environ['PORT']}",
        "--allow-grpc=false",
        "--allow-metrics=false",
        "--log-info=false",
    ],
    environment,
)
