# gantool in a container: docs/installation.md. For a CUDA device build it with
#   --build-arg BASE=nvidia/cuda:13.0.1-base-ubuntu24.04 --build-arg TORCH=
ARG BASE=debian:trixie-slim

FROM ${BASE} AS python
# The distribution's Python, 3.13 in Debian and 3.12 in Ubuntu, is the same where gantool is built and where it runs.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 \
    && rm -rf /var/lib/apt/lists/*

FROM python AS build
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3-venv \
    && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /opt/gantool
ENV PATH=/opt/gantool/bin:$PATH
# torch comes first, from its own index, or with TORCH empty from where all else comes: it changes seldom, and this layer is kept.
ARG TORCH=https://download.pytorch.org/whl/cpu
COPY constraints.txt /src/
RUN pip install --no-cache-dir --constraint /src/constraints.txt ${TORCH:+--index-url "$TORCH"} torch
COPY . /src
RUN pip install --no-cache-dir --constraint /src/constraints.txt "/src[onnx,heif]"

FROM python
COPY --from=build /opt/gantool /opt/gantool
ENV PATH=/opt/gantool/bin:$PATH
# Nobody needs a name or a home here: --user may be anybody, whom the pictures belong to.
ENV HOME=/tmp USER=gantool
USER 1000:1000
WORKDIR /pictures
ENTRYPOINT ["gantool"]
CMD ["--help"]
