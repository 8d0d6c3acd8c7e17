// SPDX-License-Identifier: Apache-2.0

import StrictJSON

// How messages become a prompt.
extension RequestFields {
    private static let templated = Set<Endpoint>.conversations.union([.tokenize])

    static let chatTemplate = Field<String?>.string(
        "chat_template", Allowed(min: 1, max: 65_536, counting: "bytes"), endpoints: templated,
        meaning: "A Jinja template instead of the model's own; only where the server was started with "
            + "--allow-chat-templates. What it writes itself is read as control tokens where it spells them.")

    static let chatTemplateVariables = Field<JSONObject>(
        "chat_template_kwargs", type: "object", default: JSONObject(), defaultText: "{}", endpoints: templated,
        meaning: "Further values for the chat template, such as enable_thinking. What they write is text, never a "
            + "control token."
    ) { (json, path, _) throws(APIError) in try Read.object(json, path) }
}
