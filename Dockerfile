# The operator's image: docker build --tag ghcr.io/vanguard-operator/vanguard:VERSION .
# Whatever pip fetches is pinned by version and hash; the second stage fetches nothing.

FROM python:3.12-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src

# Dependencies first: this layer stays as long as the lock does.
COPY requirements-runtime.lock ./
RUN python -m venv /opt/vanguard \
 && /opt/vanguard/bin/pip install --require-hashes --only-binary :all: -r requirements-runtime.lock

# The build backend comes with the developers' lock, into this stage only: pip checks the hashes of a whole file
# or of nothing.
COPY requirements.lock ./
RUN pip install --require-hashes --only-binary :all: -r requirements.lock

COPY LICENSE README.md pyproject.toml ./
COPY operator operator
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /dist . \
 && /opt/vanguard/bin/pip install --no-deps --no-index /dist/*.whl \
 && /opt/vanguard/bin/pip check \
 && /opt/vanguard/bin/pip uninstall --yes pip

FROM python:3.12-slim
LABEL org.opencontainers.image.title="vanguard" \
      org.opencontainers.image.licenses="Apache-2.0"

# The root file system is read-only, so Python writes no bytecode. USER is for kopf, which wants a user's name even
# where the cluster assigns a user id that has none.
ENV PATH=/opt/vanguard/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 USER=vanguard
COPY --from=build /opt/vanguard /opt/vanguard

# A number, not a name: only so can Kubernetes see that it is not root (runAsNonRoot).
USER 65532:65532
WORKDIR /tmp
EXPOSE 8080
ENTRYPOINT ["kopf", "run", "-A", "-m", "vanguard.handlers"]
