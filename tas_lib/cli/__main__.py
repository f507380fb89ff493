from tas_lib.cli import app

app()
