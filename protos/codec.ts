/** Turns a protobufjs descriptor into grpc-js method definitions. Messages are plain objects with every field present. */
import type { MethodDefinition } from '@grpc/grpc-js';
import protobuf from 'protobufjs';

/** Codecs of one descriptor; `bytes` are Buffers that share the received message's memory. */
export interface Codecs {
  method<Req, Res>(
    service: string,
    name: string,
    request: string,
    response: string,
    requestStream: boolean,
    responseStream: boolean,
  ): MethodDefinition<Req, Res>;
}

/** Numbers of 64 bits are read as JavaScript numbers: ours (ids, sizes, limits) stay far below 2^53. */
const asPlain: protobuf.IConversionOptions = {
  longs: Number,
  defaults: true,
  arrays: true,
  objects: true,
  oneofs: false,
};

/** The codecs of the messages that a descriptor declares in one package. */
export function makeCodecs(space: string, descriptor: object): Codecs {
  const root = protobuf.Root.fromJSON(descriptor);
  const codecOf = (name: string) => {
    const type = root.lookupType(`${space}.${name}`);
    return {
      serialize: (message: object): Buffer => type.encode(type.fromObject(message)).finish() as Buffer,
      deserialize: (bytes: Buffer): object => type.toObject(type.decode(bytes), asPlain),
    };
  };
  return {
    method<Req, Res>(
      service: string,
      name: string,
      request: string,
      response: string,
      requestStream: boolean,
      responseStream: boolean,
    ) {
      const input = codecOf(request);
      const output = codecOf(response);
      return {
        path: `/${service}/${name}`,
        requestStream,
        responseStream,
        requestSerialize: input.serialize,
        requestDeserialize: input.deserialize,
        responseSerialize: output.serialize,
        responseDeserialize: output.deserialize,
      } as unknown as MethodDefinition<Req, Res>;
    },
  };
}

/** Keeps each method's types while naming the whole. */
export function makeService<S extends Record<string, unknown>>(methods: S): S {
  return methods;
}
