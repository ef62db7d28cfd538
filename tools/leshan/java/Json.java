import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

import org.eclipse.leshan.core.link.Link;
import org.eclipse.leshan.core.link.attributes.Attribute;
import org.eclipse.leshan.core.model.ResourceModel.Type;
import org.eclipse.leshan.core.node.LwM2mMultipleResource;
import org.eclipse.leshan.core.node.LwM2mNode;
import org.eclipse.leshan.core.node.LwM2mObject;
import org.eclipse.leshan.core.node.LwM2mObjectInstance;
import org.eclipse.leshan.core.node.LwM2mPath;
import org.eclipse.leshan.core.node.LwM2mResource;
import org.eclipse.leshan.core.node.LwM2mResourceInstance;
import org.eclipse.leshan.core.node.LwM2mRoot;
import org.eclipse.leshan.core.node.LwM2mSingleResource;
import org.eclipse.leshan.core.node.ObjectLink;
import org.eclipse.leshan.core.node.TimestampedLwM2mNode;
import org.eclipse.leshan.core.node.TimestampedLwM2mNodes;
import org.eclipse.leshan.core.util.Hex;
import org.eclipse.leshan.core.util.datatype.ULong;
import org.eclipse.leshan.server.registration.Registration;
import org.eclipse.leshan.server.registration.RegistrationUpdate;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

/** The JSON shapes of the API: nodes, links, registrations. Numbers go as text, opaque values in hexadecimal. */
final class Json {

    static final ObjectMapper MAPPER = new ObjectMapper();

    private Json() {
    }

    static ObjectNode node(LwM2mNode node) {
        ObjectNode json = MAPPER.createObjectNode();
        if (node instanceof LwM2mRoot) {
            ArrayNode list = json.put("kind", "root").putArray("objects");
            ((LwM2mRoot) node).getObjects().values().forEach(child -> list.add(node(child)));
        } else if (node instanceof LwM2mObject) {
            json.put("kind", "obj").put("id", ((LwM2mObject) node).getId());
            ArrayNode list = json.putArray("instances");
            ((LwM2mObject) node).getInstances().values().forEach(child -> list.add(node(child)));
        } else if (node instanceof LwM2mObjectInstance) {
            json.put("kind", "instance").put("id", ((LwM2mObjectInstance) node).getId());
            ArrayNode list = json.putArray("resources");
            ((LwM2mObjectInstance) node).getResources().values().forEach(child -> list.add(node(child)));
        } else if (node instanceof LwM2mMultipleResource) {
            LwM2mMultipleResource resource = (LwM2mMultipleResource) node;
            json.put("kind", "multiResource").put("id", resource.getId()).put("type", resource.getType().name());
            ObjectNode values = json.putObject("values");
            resource.getInstances().forEach((id, instance) -> value(values, id.toString(), instance.getType(),
                    instance.getValue()));
        } else if (node instanceof LwM2mSingleResource) {
            LwM2mSingleResource resource = (LwM2mSingleResource) node;
            json.put("kind", "singleResource").put("id", resource.getId()).put("type", resource.getType().name());
            value(json, "value", resource.getType(), resource.getValue());
        } else if (node instanceof LwM2mResourceInstance) {
            LwM2mResourceInstance instance = (LwM2mResourceInstance) node;
            json.put("kind", "resourceInstance").put("id", instance.getId()).put("type", instance.getType().name());
            value(json, "value", instance.getType(), instance.getValue());
        }
        return json;
    }

    private static void value(ObjectNode json, String name, Type type, Object value) {
        switch (type) {
        case BOOLEAN:
            json.put(name, (Boolean) value);
            break;
        case OPAQUE:
            json.put(name, Hex.encodeHexString((byte[]) value));
            break;
        case TIME:
            json.put(name, ((Date) value).getTime());
            break;
        case OBJLNK:
            json.putObject(name).put("objectId", ((ObjectLink) value).getObjectId()).put("objectInstanceId",
                    ((ObjectLink) value).getObjectInstanceId());
            break;
        case CORELINK:
            StringBuilder text = new StringBuilder();
            for (Link link : (Link[]) value) {
                text.append(text.length() == 0 ? "" : ",").append(link.toCoreLinkFormat());
            }
            json.put(name, text.toString());
            break;
        default:
            json.put(name, String.valueOf(value));
        }
    }

    /** Nodes by path; paths without a node are left out. */
    static ObjectNode nodes(Map<LwM2mPath, LwM2mNode> nodes) {
        ObjectNode json = MAPPER.createObjectNode();
        nodes.forEach((path, node) -> {
            if (node != null) {
                json.set(path.toString(), node(node));
            }
        });
        return json;
    }

    /** A node at several times, for {@link #timed}. */
    static SortedMap<Instant, ObjectNode> byTime(List<TimestampedLwM2mNode> nodes) {
        SortedMap<Instant, ObjectNode> found = newestFirst();
        nodes.forEach(entry -> found.put(entry.getTimestamp(), node(entry.getNode())));
        return found;
    }

    /** Nodes by path at several times, for {@link #timed}. */
    static SortedMap<Instant, ObjectNode> byTime(TimestampedLwM2mNodes nodes) {
        SortedMap<Instant, ObjectNode> found = newestFirst();
        nodes.getTimestamps().forEach(time -> found.put(time, nodes(nodes.getNodesAt(time))));
        return found;
    }

    private static SortedMap<Instant, ObjectNode> newestFirst() {
        return new TreeMap<>(Comparator.nullsFirst(Comparator.reverseOrder()));
    }

    /** Puts the newest value below "val" and, if any has a time, all below "timestamped". */
    static void timed(ObjectNode json, SortedMap<Instant, ObjectNode> found) {
        json.set("val", found.get(found.firstKey()));
        if (found.lastKey() == null) {
            return;
        }
        ArrayNode list = json.putArray("timestamped");
        found.forEach((time, value) -> {
            ObjectNode item = list.addObject().put("timestamp", time == null ? null : time.toEpochMilli());
            item.set("val", value);
        });
    }

    static LwM2mNode parse(JsonNode json) {
        if (json.has("resources")) {
            List<LwM2mResource> resources = new ArrayList<>();
            json.get("resources").forEach(child -> resources.add((LwM2mResource) parse(child)));
            return json.hasNonNull("id") ? new LwM2mObjectInstance(json.get("id").asInt(), resources)
                    : new LwM2mObjectInstance(resources);
        }
        if (!json.hasNonNull("id") || !json.hasNonNull("type")) {
            throw new IllegalArgumentException("id and type are needed");
        }
        int id = json.get("id").asInt();
        Type type = Type.valueOf(json.get("type").asText().toUpperCase());
        if (json.has("values")) {
            Map<Integer, Object> values = new HashMap<>();
            json.get("values").properties()
                    .forEach(entry -> values.put(Integer.valueOf(entry.getKey()), value(type, entry.getValue())));
            return LwM2mMultipleResource.newResource(id, values, type);
        }
        if (!json.has("value")) {
            throw new IllegalArgumentException("value, values or resources is needed");
        }
        if ("resourceInstance".equals(json.path("kind").asText())) {
            return LwM2mResourceInstance.newInstance(id, value(type, json.get("value")), type);
        }
        return LwM2mSingleResource.newResource(id, value(type, json.get("value")), type);
    }

    private static Object value(Type type, JsonNode value) {
        switch (type) {
        case INTEGER:
            return Long.valueOf(value.asText());
        case UNSIGNED_INTEGER:
            return ULong.valueOf(value.asText());
        case FLOAT:
            return Double.valueOf(value.asText());
        case BOOLEAN:
            return value.asBoolean();
        case TIME:
            return new Date(value.asLong());
        case OPAQUE:
            return Hex.decodeHex(value.asText().toCharArray());
        case OBJLNK:
            return new ObjectLink(value.get("objectId").asInt(), value.get("objectInstanceId").asInt());
        default:
            return value.asText();
        }
    }

    static ArrayNode links(Link[] links) {
        ArrayNode list = MAPPER.createArrayNode();
        for (Link link : links) {
            ObjectNode json = list.addObject().put("url", link.getUriReference());
            ObjectNode attributes = json.putObject("attributes");
            for (Attribute attribute : link.getAttributes().asCollection()) {
                attributes.put(attribute.getName(), attribute.hasValue() ? attribute.getCoreLinkValue() : null);
            }
        }
        return list;
    }

    /** What an Update changed; what it did not speak of is missing. */
    static ObjectNode update(RegistrationUpdate update) {
        ObjectNode json = MAPPER.createObjectNode().put("registrationId", update.getRegistrationId());
        json.put("address", update.getAddress().getHostAddress() + ":" + update.getPort());
        if (update.getSmsNumber() != null) {
            json.put("smsNumber", update.getSmsNumber());
        }
        if (update.getLifeTimeInSec() != null) {
            json.put("lifetime", update.getLifeTimeInSec());
        }
        json.put("secure", update.getClientTransportData().getIdentity().isSecure());
        json.set("additionalAttributes", MAPPER.valueToTree(update.getAdditionalAttributes()));
        if (update.getObjectLinks() != null) {
            json.put("alternatePath", update.getAlternatePath());
            json.set("objectLinks", links(update.getObjectLinks()));
        }
        return json;
    }

    static ObjectNode registration(Registration registration, boolean awake) {
        ObjectNode json = MAPPER.createObjectNode();
        json.put("endpoint", registration.getEndpoint()).put("registrationId", registration.getId());
        json.put("registrationDate", registration.getRegistrationDate().getTime());
        json.put("lastUpdate", registration.getLastUpdate().getTime());
        json.put("address", registration.getAddress().getHostAddress() + ":" + registration.getPort());
        json.put("lwM2mVersion", registration.getLwM2mVersion().toString());
        json.put("lifetime", registration.getLifeTimeInSec());
        StringBuilder binding = new StringBuilder();
        registration.getBindingMode().forEach(binding::append);
        json.put("bindingMode", binding.toString());
        json.put("rootPath", registration.getRootPath());
        json.set("objectLinks", links(registration.getSortedObjectLinks()));
        json.put("secure", registration.getClientTransportData().getIdentity().isSecure());
        json.set("additionalRegistrationAttributes",
                MAPPER.valueToTree(registration.getAdditionalRegistrationAttributes()));
        json.put("queuemode", registration.usesQueueMode());
        ObjectNode instances = json.putObject("availableInstances");
        for (LwM2mPath path : registration.getAvailableInstances()) {
            instances.withArray(path.getObjectId().toString()).add(path.getObjectInstanceId());
        }
        if (registration.getSmsNumber() != null) {
            json.put("smsNumber", registration.getSmsNumber());
        }
        if (registration.usesQueueMode()) {
            json.put("sleeping", !awake);
        }
        return json;
    }
}
