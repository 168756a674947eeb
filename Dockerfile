# docker build -t ssbmech . && docker run --rm -v "$PWD:/data" ssbmech run case.yaml -o out
# Every step is a script that the folder environment and CI run as well.
FROM debian:trixie-slim

COPY environment /opt/environment
RUN sh /opt/environment/install-debian.sh

COPY . /opt/ssbmech
RUN /opt/ssbmech/environment/setup.sh --doctor

ENV PATH="/opt/ssbmech:${PATH}" LANG=C.UTF-8
WORKDIR /data
ENTRYPOINT ["/opt/ssbmech/ssbmech"]
CMD ["--help"]
