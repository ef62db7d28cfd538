"""What the servers are told of the settings is what the firmware has."""

from firmware import config, settings
from tools.leshan import models as leshan
from tools.server.models import OBJECTS, Models

_TYPES = {"i": "INTEGER", "s": "STRING", "b": "BOOLEAN", "f": "FLOAT", "": None}


def test_the_model_has_the_rows_of_the_object():
    models = Models()
    for rid, operations, kind, _ in settings.Settings.resources:
        row = models.resource(26241, rid)
        assert (row.operations, row.multiple) == (operations, False), rid
        assert models.type_of(26241, rid) == _TYPES[kind], rid
    assert models.resource(26241, len(settings.Settings.resources)) is None
    assert models.is_single_instance_object(26241) and OBJECTS[26241] == "Settings"
    (model,) = [each for each in leshan.models_of() if each["id"] == 26241]
    assert model["name"] == "Settings" and model["multiple"] is False


def test_what_can_be_written_are_keys_of_the_configuration():
    keys = {row[3] for row in settings.Settings.resources if row[1] == "RW"}
    assert keys <= {*config._DEFAULTS, "ntp"}
