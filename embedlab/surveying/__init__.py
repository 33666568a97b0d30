"""How a survey is planned and taken; the public names are in embedlab.survey."""
