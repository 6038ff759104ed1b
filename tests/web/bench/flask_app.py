"""What one writes first around a model: a route in Flask that classifies one text and answers."""

from __future__ import annotations

from flask import Flask, Response, jsonify, request

from classifier.predictor import Predictor

app = Flask(__name__)
predictor = Predictor.load()


def classify() -> Response:
    (found,) = predictor.predict([request.get_json()["text"]])
    return jsonify(found.fields())


app.add_url_rule("/v1/classify", view_func=classify, methods=["POST"])
