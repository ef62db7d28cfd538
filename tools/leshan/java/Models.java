import java.io.File;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

import org.eclipse.leshan.core.model.ObjectModel;
import org.eclipse.leshan.core.model.ResourceModel;
import org.eclipse.leshan.core.model.ResourceModel.Operations;
import org.eclipse.leshan.core.model.ResourceModel.Type;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

/**
 * Object models of a JSON file, a list of {id, name, version, multiple, resources: {id: [name,
 * operations, type, multiple]}}.
 */
final class Models {

    private Models() {
    }

    /** The objects of the file that Leshan does not bring along itself in that version. */
    static Collection<ObjectModel> load(File file, List<ObjectModel> known) throws IOException {
        Set<String> names = new HashSet<>();
        for (ObjectModel model : known) {
            names.add(model.id + " " + model.version);
        }
        List<ObjectModel> models = new ArrayList<>();
        for (JsonNode object : new ObjectMapper().readTree(file)) {
            if (!names.contains(object.get("id").asInt() + " " + object.get("version").asText())) {
                models.add(object(object.get("id").asInt(), object));
            }
        }
        return models;
    }

    private static ObjectModel object(int id, JsonNode object) {
        List<ResourceModel> resources = new ArrayList<>();
        for (Map.Entry<String, JsonNode> entry : object.get("resources").properties()) {
            JsonNode row = entry.getValue();
            String type = row.get(2).asText();
            resources.add(new ResourceModel(Integer.valueOf(entry.getKey()), row.get(0).asText(),
                    Operations.valueOf(row.get(1).asText().isEmpty() ? "NONE" : row.get(1).asText()),
                    row.get(3).asBoolean(), false, type.isEmpty() ? Type.NONE : Type.valueOf(type), "", "", ""));
        }
        return new ObjectModel(id, object.get("name").asText(), "", object.get("version").asText(),
                object.get("multiple").asBoolean(), false, resources);
    }
}
