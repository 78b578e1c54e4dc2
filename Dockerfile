# docker build -t equiscan . && docker run --rm -v "$PWD:/work" equiscan run scenarios/tiny.yaml
FROM python:3.11-slim
WORKDIR /equiscan
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY sim sim
COPY reports reports
RUN pip install --no-cache-dir --constraint requirements.lock . && useradd --create-home analyst
USER analyst
WORKDIR /work
ENTRYPOINT ["equiscan"]
