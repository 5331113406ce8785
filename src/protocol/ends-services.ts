/**
 * Metadata of RegisterNode by which an executor manager says that it ends the service of an executor that it is told to
 * forget, and unregisters it then (docs/protocol.md, "Cancelling"). The published one does neither.
 */
export const endsServicesKey = "flame-ends-services";
